"""People, sessions with a name, invitations, administrators, scopes of keys, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("keys", sa.Column("access", sa.String(length=8), server_default="write", nullable=False))
    op.add_column(
        "keys", sa.Column("every_assistant", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.add_column("keys", sa.Column("previous_sha256", sa.String(length=64), nullable=True))
    op.add_column("keys", sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_keys_previous_sha256"), "keys", ["previous_sha256"], unique=True)
    op.create_index(op.f("ix_keys_team_id_id"), "keys", ["team_id", "id"], unique=True)
    op.create_table(
        "administrator_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_administrator_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_administrator_keys_sha256")),
    )
    op.create_table(
        "attempts",
        sa.Column("whose", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("whose", name=op.f("pk_attempts")),
    )
    op.create_table(
        "audit",
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("operation", sa.String(length=200), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("request", sa.String(length=40), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "position", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_identities_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("invited_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_invitations_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("sha256", name=op.f("uq_invitations_sha256")),
    )
    op.create_table(
        "key_assistants",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("assistant_id", sa.String(length=40), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id", "assistant_id"],
            ["assistants.team_id", "assistants.id"],
            name=op.f("fk_key_assistants_team_id_assistant_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id", "key_id"],
            ["keys.team_id", "keys.id"],
            name=op.f("fk_key_assistants_team_id_key_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_key_assistants_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_id", "assistant_id", name=op.f("pk_key_assistants")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=40), nullable=True),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("key_id", sa.String(length=40), nullable=True),
        sa.Column("administrator_key_id", sa.String(length=40), nullable=True),
        sa.Column("agent", sa.String(length=300), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["administrator_key_id"],
            ["administrator_keys.id"],
            name=op.f("fk_sessions_administrator_key_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_sessions_key_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_sessions_member_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_sessions_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_sessions_sha256")),
    )
    op.add_column("members", sa.Column("person_id", sa.String(length=40), nullable=True))
    op.add_column("members", sa.Column("managed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_members_team_id_person_id", "members", ["team_id", "person_id"], unique=True)
    # Whoever is signed in stays signed in.
    op.execute(
        "INSERT INTO sessions (id, sha256, team_id, member_id, key_id, agent, address, created_at, "
        "last_used_at, expires_at) SELECT 'sess_' || substr(sha256, 1, 24), sha256, team_id, member_id, "
        "key_id, '', '', created_at, created_at, expires_at FROM tokens WHERE kind = 'session'"
    )
    op.execute("DELETE FROM tokens WHERE kind = 'session'")
