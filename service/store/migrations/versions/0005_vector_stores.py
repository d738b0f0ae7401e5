"""Vector stores: what the OpenAI surface says of knowledge bases."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "vector_store_batches",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=40), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id", "knowledge_base_id"],
            ["knowledge_bases.team_id", "knowledge_bases.id"],
            name=op.f("fk_vector_store_batches_team_id_knowledge_base_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_vector_store_batches_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vector_store_batches")),
    )
    op.create_table(
        "vector_store_files",
        sa.Column("knowledge_base_id", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=True),
        sa.Column("chunking", sa.JSON(), nullable=True),
        sa.Column("batch_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id", "knowledge_base_id"],
            ["knowledge_bases.team_id", "knowledge_bases.id"],
            name=op.f("fk_vector_store_files_team_id_knowledge_base_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_vector_store_files_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("knowledge_base_id", "file_id", name=op.f("pk_vector_store_files")),
    )
    with op.batch_alter_table("vector_store_files", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_vector_store_files_team_id_file_id"), ["team_id", "file_id"], unique=False
        )

    op.create_table(
        "vector_stores",
        sa.Column("knowledge_base_id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("expires_days", sa.Integer(), nullable=True),
        sa.Column("last_active_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["team_id", "knowledge_base_id"],
            ["knowledge_bases.team_id", "knowledge_bases.id"],
            name=op.f("fk_vector_stores_team_id_knowledge_base_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_vector_stores_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("knowledge_base_id", name=op.f("pk_vector_stores")),
    )
