"""Who is there: the installation's teams, their members, keys, sessions and invitations."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    true,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

# What this installation has done once: "examples" -> when.
installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

teams = Table(
    "teams",
    metadata,
    id_column(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    time_column("created_at"),
    Column("retention_days", Integer),
)

# People who sign in. They are of no team: members are their places in teams.
people = Table(
    "people",
    metadata,
    id_column(),
    Column("email", String(320), unique=True),  # lower case
    Column("name", String(200), nullable=False),
    Column("password", String(200)),  # argon2id
    time_column("created_at"),
)

# Who a person is at an OpenID provider.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person_id", String(40), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    time_column("created_at"),
)

members = Table(
    "members",
    metadata,
    id_column(),
    team_column(),
    Column("person_id", String(40)),  # of `people`; null: made by the command line
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("managed", Boolean, nullable=False, server_default=false()),
    time_column("created_at"),
    Index(None, "team_id", "person_id", unique=True),
)

keys = Table(
    "keys",
    metadata,
    id_column(),
    team_column(),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("access", String(8), nullable=False, server_default="write"),
    Column("every_assistant", Boolean, nullable=False, server_default=true()),
    Column("prefix", String(24), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("previous_sha256", String(64)),  # of the secret before the last rotation
    time_column("previous_until", nullable=True),
    time_column("created_at"),
    time_column("expires_at", nullable=True),
    time_column("revoked_at", nullable=True),
    time_column("last_used_at", nullable=True),
    Index(None, "team_id", "id", unique=True),
    Index(None, "previous_sha256", unique=True),
)

# The assistants of a key that may not use every one. Both ends carry the team.
key_assistants = Table(
    "key_assistants",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("assistant_id", String(40), primary_key=True),
    team_column(),
    ForeignKeyConstraint(["team_id", "key_id"], ["keys.team_id", "keys.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

# Credentials of the installation, which manage teams and are of none.
administrator_keys = Table(
    "administrator_keys",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False),
    Column("prefix", String(24), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    time_column("created_at"),
    time_column("revoked_at", nullable=True),
    time_column("last_used_at", nullable=True),
)

# Signed-in browsers. Each is of a member, or of a key of the team, or of an administrator's key.
sessions = Table(
    "sessions",
    metadata,
    id_column(),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE")),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    # A session that a key opened ends with the key.
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),
    Column("administrator_key_id", String(40), ForeignKey("administrator_keys.id", ondelete="CASCADE")),
    Column("agent", String(300), nullable=False),
    Column("address", String(64), nullable=False),
    time_column("created_at"),
    time_column("last_used_at"),
    time_column("expires_at"),
)

invitations = Table(
    "invitations",
    metadata,
    id_column(),
    team_column(),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("email", String(320)),
    Column("invited_by", String(40), nullable=False),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("accepted_at", nullable=True),
)

# Guesses at a password: by account and by address, both as SHA-256.
attempts = Table(
    "attempts",
    metadata,
    Column("whose", String(80), primary_key=True),
    Column("failures", Integer, nullable=False),
    time_column("last_at"),
    time_column("locked_until", nullable=True),
)

# Links that work once: to sign in ("login") and to set a new password ("reset").
tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    team_column(),
    Column("kind", String(16), nullable=False),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),  # of sessions before 0004
    time_column("created_at"),
    time_column("expires_at"),
)
