"""What was asked and answered."""

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    team_column(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    Column("metadata", JSON, nullable=False, server_default="{}"),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    Index(None, "team_id", "member", "updated_at"),
)

turns = Table(
    "turns",
    metadata,
    id_column(),
    team_column(),
    Column("conversation_id", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("retrieval", JSON, nullable=False),
    Column("model", String(200), nullable=False),
    time_column("created_at"),
    Column("actions", JSON, nullable=False, server_default="[]"),
    Column("tool_messages", JSON, nullable=False, server_default="[]"),
    UniqueConstraint("conversation_id", "position"),
    ForeignKeyConstraint(
        ["team_id", "conversation_id"], ["conversations.team_id", "conversations.id"], ondelete="CASCADE"
    ),
)

# Which documents a stored answer quotes, so that deleting a document finds those answers.
turn_sources = Table(
    "turn_sources",
    metadata,
    Column("turn_id", String(40), ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    team_column(),
    Index(None, "team_id", "document_id"),
)

responses = Table(
    "responses",
    metadata,
    id_column(),
    team_column(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("status", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Column("input", JSON, nullable=False),
    Column("pieces", JSON, nullable=False),
    Column("documents", JSON, nullable=False),
    Column("previous_id", String(40)),
    time_column("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    Index(None, "status"),
)

# Which documents a stored response rests on, so that deleting a document finds it.
response_sources = Table(
    "response_sources",
    metadata,
    Column("response_id", String(40), ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    team_column(),
    Index(None, "team_id", "document_id"),
)
