"""Stored responses, calls of the client's tools inside turns, a client's own words about a conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("turns", sa.Column("tool_messages", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "responses",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("member", sa.String(length=40), nullable=False),
        sa.Column("assistant_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("previous_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id", "assistant_id"],
            ["assistants.team_id", "assistants.id"],
            name=op.f("fk_responses_team_id_assistant_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_responses_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responses")),
    )
    op.create_index(op.f("ix_responses_status"), "responses", ["status"])
    op.create_table(
        "response_sources",
        sa.Column("response_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["response_id"],
            ["responses.id"],
            name=op.f("fk_response_sources_response_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_response_sources_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("response_id", "document_id", name=op.f("pk_response_sources")),
    )
    op.create_index(
        op.f("ix_response_sources_team_id_document_id"), "response_sources", ["team_id", "document_id"]
    )
