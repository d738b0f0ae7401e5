"""Actions of assistants, and what a person confirms of them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from service.store.tables.schema import id_column, metadata, team_column, time_column

# OpenAPI documents of an assistant. `secret` is sealed by the vault, here as in the two tables below.
actions = Table(
    "actions",
    metadata,
    id_column(),
    team_column(),
    Column("assistant_id", String(40), nullable=False),
    Column("name", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("base_url", Text),
    Column("server", Text),
    Column("operations", JSON, nullable=False),
    Column("auth", JSON, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("secret", Text),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("assistant_id", "name"),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

# OAuth tokens: of a member, or of the team (member "").
action_accounts = Table(
    "action_accounts",
    metadata,
    Column("action_id", String(40), primary_key=True),
    Column("member", String(40), primary_key=True),
    team_column(),
    Column("secret", Text, nullable=False),
    time_column("updated_at"),
    ForeignKeyConstraint(["team_id", "action_id"], ["actions.team_id", "actions.id"], ondelete="CASCADE"),
)

# Consents that were begun: who may end them, and with what.
action_sign_ins = Table(
    "action_sign_ins",
    metadata,
    Column("sha256", String(64), primary_key=True),
    team_column(),
    Column("action_id", String(40), nullable=False),
    Column("member", String(40), nullable=False),
    Column("session", String(40)),
    Column("secret", Text, nullable=False),
    time_column("expires_at"),
    ForeignKeyConstraint(["team_id", "action_id"], ["actions.team_id", "actions.id"], ondelete="CASCADE"),
)

# Answers that wait for a person. `state` is all that it takes to go on; it goes when the person has decided.
confirmations = Table(
    "confirmations",
    metadata,
    id_column(),
    team_column(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("model", String(200), nullable=False),
    Column("conversation_id", String(40)),
    Column("turn_id", String(40)),
    Column("call", JSON, nullable=False),
    Column("state", JSON(none_as_null=True)),
    Column("documents", JSON, nullable=False),
    Column("decision", String(16)),
    time_column("created_at"),
    time_column("expires_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["team_id", "conversation_id"], ["conversations.team_id", "conversations.id"], ondelete="CASCADE"
    ),
    Index(None, "team_id", "member", "created_at"),
)

# Operations that a member approved for always, with one assistant.
approvals = Table(
    "approvals",
    metadata,
    id_column(),
    team_column(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("operation", String(400), nullable=False),
    time_column("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("team_id", "member", "assistant_id", "operation"),
)

# MCP servers of an assistant, with the tools that they offered when they were asked last.
mcp_servers = Table(
    "mcp_servers",
    metadata,
    id_column(),
    team_column(),
    Column("assistant_id", String(40), nullable=False),
    Column("name", String(64), nullable=False),
    Column("url", Text),
    Column("command", String(64)),
    Column("tools", JSON, nullable=False),
    Column("refused", JSON, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("trust_hints", Boolean, nullable=False),
    Column("auth", JSON, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("secret", Text),
    time_column("created_at"),
    time_column("updated_at"),
    UniqueConstraint("assistant_id", "name"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)
