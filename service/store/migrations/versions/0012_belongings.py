"""Whose a thread is, and what keys with a scope made."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "belongings",
        sa.Column("thing_id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_belongings_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("thing_id", name=op.f("pk_belongings")),
    )
    op.create_index(op.f("ix_belongings_team_id_owner"), "belongings", ["team_id", "owner"])


def downgrade() -> None:
    op.drop_table("belongings")
