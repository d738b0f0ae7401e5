"""Who did what, each entry bound to the one before it."""

from sqlalchemy import JSON, Column, Integer, String, Table

from service.store.tables.schema import metadata

# Who did what; appended to and never changed. A chain is a team's id, or "installation".
audit = Table(
    "audit",
    metadata,
    Column("chain", String(40), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("at", String(32), nullable=False),  # ISO 8601, as it was hashed
    Column("actor", String(80), nullable=False),
    Column("operation", String(200), nullable=False),
    Column("targets", JSON, nullable=False),
    Column("request", String(40), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# The last entry of each chain: writers wait for each other here, and a cut-off end shows.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("chain", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
