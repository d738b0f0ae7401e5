"""Files of the OpenAI surface, and the vector stores that they are in."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

# Files of the OpenAI surface; their content lies in the team's folder. In a vector store they are documents.
files = Table(
    "files",
    metadata,
    id_column(),
    team_column(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    time_column("created_at"),
    time_column("expires_at", nullable=True),
    UniqueConstraint("team_id", "id"),
    Index(None, "team_id", "created_at"),
)

# Files that come in parts.
uploads = Table(
    "uploads",
    metadata,
    id_column(),
    team_column(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("lasts_s", Integer),
    Column("file_id", String(40)),
    time_column("created_at"),
    time_column("expires_at"),
    UniqueConstraint("team_id", "id"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    id_column(),
    team_column(),
    Column("upload_id", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),
    time_column("created_at"),
    ForeignKeyConstraint(["team_id", "upload_id"], ["uploads.team_id", "uploads.id"], ondelete="CASCADE"),
)

# A vector store is a knowledge base: here is what only the OpenAI surface says of it.
vector_stores = Table(
    "vector_stores",
    metadata,
    Column("knowledge_base_id", String(40), primary_key=True),
    team_column(),
    Column("metadata", JSON, nullable=False),
    Column("expires_days", Integer),
    time_column("last_active_at", nullable=True),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
    ),
)

# Which document a file became in which vector store; a file may be in many.
vector_store_files = Table(
    "vector_store_files",
    metadata,
    Column("knowledge_base_id", String(40), primary_key=True),
    Column("file_id", String(40), primary_key=True),
    team_column(),
    Column("document_id", String(40)),
    Column("chunking", JSON),
    Column("batch_id", String(40)),
    time_column("created_at"),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
    ),
    Index(None, "team_id", "file_id"),
)

vector_store_batches = Table(
    "vector_store_batches",
    metadata,
    id_column(),
    team_column(),
    Column("knowledge_base_id", String(40), nullable=False),
    Column("cancelled", Boolean, nullable=False),
    time_column("created_at"),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
    ),
)
