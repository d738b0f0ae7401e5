"""Threads of the Assistants API, and the runs on them."""

from sqlalchemy import JSON, Column, ForeignKey, ForeignKeyConstraint, Index, String, Table, UniqueConstraint

from service.store.tables.schema import id_column, metadata, team_column, time_column

threads = Table(
    "threads",
    metadata,
    id_column(),
    team_column(),
    Column("metadata", JSON, nullable=False),
    Column("vector_stores", JSON, nullable=False),
    time_column("created_at"),
    UniqueConstraint("team_id", "id"),
)

thread_messages = Table(
    "thread_messages",
    metadata,
    id_column(),
    team_column(),
    Column("thread_id", String(40), nullable=False),
    Column("role", String(16), nullable=False),
    Column("content", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("assistant_id", String(40)),
    Column("run_id", String(40)),
    Column("incomplete", String(40)),
    time_column("created_at"),
    ForeignKeyConstraint(["team_id", "thread_id"], ["threads.team_id", "threads.id"], ondelete="CASCADE"),
    Index(None, "team_id", "thread_id", "created_at"),
)

# Which documents an answer in a thread rests on, so that deleting a document finds those answers.
thread_message_sources = Table(
    "thread_message_sources",
    metadata,
    Column("message_id", String(40), ForeignKey("thread_messages.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    team_column(),
    Index(None, "team_id", "document_id"),
)

runs = Table(
    "runs",
    metadata,
    id_column(),
    team_column(),
    Column("thread_id", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("asked", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("calls", JSON, nullable=False),
    Column("rounds", JSON, nullable=False),
    Column("error", JSON),
    Column("incomplete", String(40)),
    Column("usage", JSON),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(["team_id", "thread_id"], ["threads.team_id", "threads.id"], ondelete="CASCADE"),
    Index(None, "team_id", "thread_id", "created_at"),
)

run_steps = Table(
    "run_steps",
    metadata,
    id_column(),
    team_column(),
    Column("run_id", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("details", JSON, nullable=False),
    Column("usage", JSON),
    time_column("created_at"),
    time_column("ended_at", nullable=True),
    ForeignKeyConstraint(["team_id", "run_id"], ["runs.team_id", "runs.id"], ondelete="CASCADE"),
)

# Whose a thing is, where it is not the whole team's

belongings = Table(
    "belongings",
    metadata,
    Column("thing_id", String(40), primary_key=True),
    team_column(),
    Column("owner", String(40), nullable=False),  # a member's id, or that of a key with a scope
    Index(None, "team_id", "owner"),
)
