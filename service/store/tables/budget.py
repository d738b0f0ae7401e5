"""Budgets, what of them is used, and the usage that is kept."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

# What may be used, by whom. `subject` is the id of what the budget is of; it goes with that.
budgets = Table(
    "budgets",
    metadata,
    id_column(),
    team_column(),
    Column("of", String(16), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),
    Column("assistant_id", String(40)),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_day", BigInteger),
    Column("tokens_per_month", BigInteger),
    Column("nanos_per_day", BigInteger),
    Column("nanos_per_month", BigInteger),
    time_column("created_at"),
    time_column("updated_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("team_id", "subject"),
)

# What is used in the minute, day or month that runs; swept up once it is over.
spending = Table(
    "spending",
    metadata,
    team_column(),
    Column("subject", String(40), primary_key=True),
    Column("period", String(16), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("nanos", BigInteger, nullable=False),
    time_column("ends_at"),
    Index(None, "ends_at"),
)

# What was used, for ever: it names members, assistants and keys that may be gone.
usage = Table(
    "usage",
    metadata,
    Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("assistant_id", String(40), primary_key=True),
    Column("member", String(40), primary_key=True),
    Column("key_id", String(40), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("assistant", String(64), nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("nanos", BigInteger, nullable=False),
)
