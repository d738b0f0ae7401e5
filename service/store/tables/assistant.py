"""Assistants and the knowledge bases that they read."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    id_column(),
    team_column(),
    Column("slug", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    time_column("created_at"),
    # Made with an assistant: it goes with the last one that reads it.
    Column("own", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistants = Table(
    "assistants",
    metadata,
    id_column(),
    team_column(),
    Column("slug", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistant_versions = Table(
    "assistant_versions",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    team_column(),
    Column("name", String(200), nullable=False),
    Column("instruction", Text, nullable=False),
    time_column("created_at"),
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
    team_column(),
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

# What the OpenAI surface keeps of an assistant beside its instruction file.
assistant_notes = Table(
    "assistant_notes",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    team_column(),
    Column("notes", JSON, nullable=False),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)
