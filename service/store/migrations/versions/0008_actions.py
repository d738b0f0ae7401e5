"""Actions from OpenAPI documents, accounts at outside services, consents that were begun."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("assistant_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("server", sa.Text(), nullable=True),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("auth", sa.JSON(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_actions_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id", "assistant_id"],
            ["assistants.team_id", "assistants.id"],
            name=op.f("fk_actions_team_id_assistant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
        sa.UniqueConstraint("assistant_id", "name", name=op.f("uq_actions_assistant_id_name")),
        sa.UniqueConstraint("team_id", "id", name=op.f("uq_actions_team_id_id")),
    )
    for name, columns in (
        (
            "action_accounts",
            (
                sa.Column("action_id", sa.String(length=40), nullable=False),
                sa.Column("member", sa.String(length=40), nullable=False),
                sa.Column("team_id", sa.String(length=40), nullable=False),
                sa.Column("secret", sa.Text(), nullable=False),
                sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
                sa.PrimaryKeyConstraint("action_id", "member", name=op.f("pk_action_accounts")),
            ),
        ),
        (
            "action_sign_ins",
            (
                sa.Column("sha256", sa.String(length=64), nullable=False),
                sa.Column("team_id", sa.String(length=40), nullable=False),
                sa.Column("action_id", sa.String(length=40), nullable=False),
                sa.Column("member", sa.String(length=40), nullable=False),
                sa.Column("session", sa.String(length=40), nullable=True),
                sa.Column("secret", sa.Text(), nullable=False),
                sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
                sa.PrimaryKeyConstraint("sha256", name=op.f("pk_action_sign_ins")),
            ),
        ),
    ):
        op.create_table(
            name,
            *columns,
            sa.ForeignKeyConstraint(
                ["team_id"], ["teams.id"], name=op.f(f"fk_{name}_team_id"), ondelete="CASCADE"
            ),
            sa.ForeignKeyConstraint(
                ["team_id", "action_id"],
                ["actions.team_id", "actions.id"],
                name=op.f(f"fk_{name}_team_id_action_id"),
                ondelete="CASCADE",
            ),
        )
