"""The records database: one schema for SQLite and PostgreSQL."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", String(40), primary_key=True)


def _team() -> Column[str]:
    return Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE"), nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


teams = Table(
    "teams",
    metadata,
    _id(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    _time("created_at"),
)

members = Table(
    "members",
    metadata,
    _id(),
    _team(),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    _time("created_at"),
)

keys = Table(
    "keys",
    metadata,
    _id(),
    _team(),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("prefix", String(24), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("revoked_at", nullable=True),
    _time("last_used_at", nullable=True),
)

# Login links (used once) and sessions of the page, told apart by `kind`.
tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _team(),
    Column("kind", String(16), nullable=False),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    # A session that a key opened ends with the key.
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),
    _time("created_at"),
    _time("expires_at"),
)

knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    _id(),
    _team(),
    Column("slug", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    _time("created_at"),
    # Made with an assistant: it goes with the last one that reads it.
    Column("own", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistants = Table(
    "assistants",
    metadata,
    _id(),
    _team(),
    Column("slug", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistant_versions = Table(
    "assistant_versions",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    _team(),
    Column("name", String(200), nullable=False),
    Column("instruction", Text, nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

# Both ends carry the team, so the database itself refuses a link across the wall.
assistant_knowledge = Table(
    "assistant_knowledge",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    Column("knowledge_base_id", String(40), primary_key=True),
    _team(),
    Column("position", Integer, nullable=False),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
        name="fk_assistant_knowledge_base",
    ),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _team(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    Index(None, "team_id", "member", "updated_at"),
)

turns = Table(
    "turns",
    metadata,
    _id(),
    _team(),
    Column("conversation_id", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("retrieval", JSON, nullable=False),
    Column("model", String(200), nullable=False),
    _time("created_at"),
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
    _team(),
    Index(None, "team_id", "document_id"),
)

# What this installation has done once: "examples" -> when.
installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# Files of the OpenAI surface; their content lies in the team's folder. In a vector store they are documents.
files = Table(
    "files",
    metadata,
    _id(),
    _team(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    _time("created_at"),
    _time("expires_at", nullable=True),
    UniqueConstraint("team_id", "id"),
    Index(None, "team_id", "created_at"),
)

# Files that come in parts.
uploads = Table(
    "uploads",
    metadata,
    _id(),
    _team(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("lasts_s", Integer),
    Column("file_id", String(40)),
    _time("created_at"),
    _time("expires_at"),
    UniqueConstraint("team_id", "id"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    _id(),
    _team(),
    Column("upload_id", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(["team_id", "upload_id"], ["uploads.team_id", "uploads.id"], ondelete="CASCADE"),
)
