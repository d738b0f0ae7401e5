"""The records database: one schema for SQLite and PostgreSQL."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", String(40), primary_key=True)


def _team() -> Column[str]:
    return Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE"), nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


teams = Table(
    "teams",
    metadata,
    _id(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    _time("created_at"),
)

# People who sign in. They are of no team: members are their places in teams.
people = Table(
    "people",
    metadata,
    _id(),
    Column("email", String(320), unique=True),  # lower case
    Column("name", String(200), nullable=False),
    Column("password", String(200)),  # argon2id
    _time("created_at"),
)

# Who a person is at an OpenID provider.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person_id", String(40), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    _time("created_at"),
)

members = Table(
    "members",
    metadata,
    _id(),
    _team(),
    Column("person_id", String(40)),  # of `people`; null: made by the command line
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("managed", Boolean, nullable=False, server_default=false()),
    _time("created_at"),
    Index(None, "team_id", "person_id", unique=True),
)

keys = Table(
    "keys",
    metadata,
    _id(),
    _team(),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("access", String(8), nullable=False, server_default="write"),
    Column("every_assistant", Boolean, nullable=False, server_default=true()),
    Column("prefix", String(24), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("previous_sha256", String(64)),  # of the secret before the last rotation
    _time("previous_until", nullable=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("revoked_at", nullable=True),
    _time("last_used_at", nullable=True),
    Index(None, "team_id", "id", unique=True),
    Index(None, "previous_sha256", unique=True),
)

# The assistants of a key that may not use every one. Both ends carry the team.
key_assistants = Table(
    "key_assistants",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("assistant_id", String(40), primary_key=True),
    _team(),
    ForeignKeyConstraint(["team_id", "key_id"], ["keys.team_id", "keys.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

# Credentials of the installation, which manage teams and are of none.
administrator_keys = Table(
    "administrator_keys",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("prefix", String(24), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    _time("created_at"),
    _time("revoked_at", nullable=True),
    _time("last_used_at", nullable=True),
)

# Signed-in browsers. Each is of a member, or of a key of the team, or of an administrator's key.
sessions = Table(
    "sessions",
    metadata,
    _id(),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE")),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    # A session that a key opened ends with the key.
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),
    Column("administrator_key_id", String(40), ForeignKey("administrator_keys.id", ondelete="CASCADE")),
    Column("agent", String(300), nullable=False),
    Column("address", String(64), nullable=False),
    _time("created_at"),
    _time("last_used_at"),
    _time("expires_at"),
)

invitations = Table(
    "invitations",
    metadata,
    _id(),
    _team(),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("email", String(320)),
    Column("invited_by", String(40), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("accepted_at", nullable=True),
)

# Guesses at a password: by account and by address, both as SHA-256.
attempts = Table(
    "attempts",
    metadata,
    Column("whose", String(80), primary_key=True),
    Column("failures", Integer, nullable=False),
    _time("last_at"),
    _time("locked_until", nullable=True),
)

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

# Links that work once: to sign in ("login") and to set a new password ("reset").
tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _team(),
    Column("kind", String(16), nullable=False),
    Column("member_id", String(40), ForeignKey("members.id", ondelete="CASCADE")),
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE")),  # of sessions before 0004
    _time("created_at"),
    _time("expires_at"),
)

knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    _id(),
    _team(),
    Column("slug", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    _time("created_at"),
    # Made with an assistant: it goes with the last one that reads it.
    Column("own", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistants = Table(
    "assistants",
    metadata,
    _id(),
    _team(),
    Column("slug", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("team_id", "slug"),
    UniqueConstraint("team_id", "id"),
)

assistant_versions = Table(
    "assistant_versions",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    _team(),
    Column("name", String(200), nullable=False),
    Column("instruction", Text, nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

# Both ends carry the team, so the database itself refuses a link across the wall.
assistant_knowledge = Table(
    "assistant_knowledge",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    Column("knowledge_base_id", String(40), primary_key=True),
    _team(),
    Column("position", Integer, nullable=False),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
        name="fk_assistant_knowledge_base",
    ),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _team(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    Column("metadata", JSON, nullable=False, server_default="{}"),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    Index(None, "team_id", "member", "updated_at"),
)

turns = Table(
    "turns",
    metadata,
    _id(),
    _team(),
    Column("conversation_id", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("retrieval", JSON, nullable=False),
    Column("model", String(200), nullable=False),
    _time("created_at"),
    Column("actions", JSON, nullable=False, server_default="[]"),
    Column("tool_messages", JSON, nullable=False, server_default="[]"),
    UniqueConstraint("conversation_id", "position"),
    ForeignKeyConstraint(
        ["team_id", "conversation_id"], ["conversations.team_id", "conversations.id"], ondelete="CASCADE"
    ),
)

# Which documents a stored answer quotes, so that deleting a document finds those answers.
turn_sources = Table(
    "turn_sources",
    metadata,
    Column("turn_id", String(40), ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    _team(),
    Index(None, "team_id", "document_id"),
)

# Answers that wait for a person. `state` is all that it takes to go on; it goes when the person has decided.
confirmations = Table(
    "confirmations",
    metadata,
    _id(),
    _team(),
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
    _time("created_at"),
    _time("expires_at"),
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
    _id(),
    _team(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("operation", String(400), nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("team_id", "member", "assistant_id", "operation"),
)

responses = Table(
    "responses",
    metadata,
    _id(),
    _team(),
    Column("member", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("status", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Column("input", JSON, nullable=False),
    Column("pieces", JSON, nullable=False),
    Column("documents", JSON, nullable=False),
    Column("previous_id", String(40)),
    _time("created_at"),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
    Index(None, "status"),
)

# Which documents a stored response rests on, so that deleting a document finds it.
response_sources = Table(
    "response_sources",
    metadata,
    Column("response_id", String(40), ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    _team(),
    Index(None, "team_id", "document_id"),
)

# What this installation has done once: "examples" -> when.
installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# Files of the OpenAI surface; their content lies in the team's folder. In a vector store they are documents.
files = Table(
    "files",
    metadata,
    _id(),
    _team(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    _time("created_at"),
    _time("expires_at", nullable=True),
    UniqueConstraint("team_id", "id"),
    Index(None, "team_id", "created_at"),
)

# Files that come in parts.
uploads = Table(
    "uploads",
    metadata,
    _id(),
    _team(),
    Column("name", String(255), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("lasts_s", Integer),
    Column("file_id", String(40)),
    _time("created_at"),
    _time("expires_at"),
    UniqueConstraint("team_id", "id"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    _id(),
    _team(),
    Column("upload_id", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(["team_id", "upload_id"], ["uploads.team_id", "uploads.id"], ondelete="CASCADE"),
)

# A vector store is a knowledge base: here is what only the OpenAI surface says of it.
vector_stores = Table(
    "vector_stores",
    metadata,
    Column("knowledge_base_id", String(40), primary_key=True),
    _team(),
    Column("metadata", JSON, nullable=False),
    Column("expires_days", Integer),
    _time("last_active_at", nullable=True),
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
    _team(),
    Column("document_id", String(40)),
    Column("chunking", JSON),
    Column("batch_id", String(40)),
    _time("created_at"),
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
    _id(),
    _team(),
    Column("knowledge_base_id", String(40), nullable=False),
    Column("cancelled", Boolean, nullable=False),
    _time("created_at"),
    ForeignKeyConstraint(
        ["team_id", "knowledge_base_id"],
        ["knowledge_bases.team_id", "knowledge_bases.id"],
        ondelete="CASCADE",
    ),
)

# OpenAPI documents of an assistant. `secret` is sealed by the vault, here as in the two tables below.
actions = Table(
    "actions",
    metadata,
    _id(),
    _team(),
    Column("assistant_id", String(40), nullable=False),
    Column("name", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("base_url", Text),
    Column("server", Text),
    Column("operations", JSON, nullable=False),
    Column("auth", JSON, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("secret", Text),
    _time("created_at"),
    _time("updated_at"),
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
    _team(),
    Column("secret", Text, nullable=False),
    _time("updated_at"),
    ForeignKeyConstraint(["team_id", "action_id"], ["actions.team_id", "actions.id"], ondelete="CASCADE"),
)

# Consents that were begun: who may end them, and with what.
action_sign_ins = Table(
    "action_sign_ins",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _team(),
    Column("action_id", String(40), nullable=False),
    Column("member", String(40), nullable=False),
    Column("session", String(40)),
    Column("secret", Text, nullable=False),
    _time("expires_at"),
    ForeignKeyConstraint(["team_id", "action_id"], ["actions.team_id", "actions.id"], ondelete="CASCADE"),
)

# What the OpenAI surface keeps of an assistant beside its instruction file.
assistant_notes = Table(
    "assistant_notes",
    metadata,
    Column("assistant_id", String(40), primary_key=True),
    _team(),
    Column("notes", JSON, nullable=False),
    ForeignKeyConstraint(
        ["team_id", "assistant_id"], ["assistants.team_id", "assistants.id"], ondelete="CASCADE"
    ),
)

threads = Table(
    "threads",
    metadata,
    _id(),
    _team(),
    Column("metadata", JSON, nullable=False),
    Column("vector_stores", JSON, nullable=False),
    _time("created_at"),
    UniqueConstraint("team_id", "id"),
)

thread_messages = Table(
    "thread_messages",
    metadata,
    _id(),
    _team(),
    Column("thread_id", String(40), nullable=False),
    Column("role", String(16), nullable=False),
    Column("content", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("assistant_id", String(40)),
    Column("run_id", String(40)),
    Column("incomplete", String(40)),
    _time("created_at"),
    ForeignKeyConstraint(["team_id", "thread_id"], ["threads.team_id", "threads.id"], ondelete="CASCADE"),
    Index(None, "team_id", "thread_id", "created_at"),
)

# Which documents an answer in a thread rests on, so that deleting a document finds those answers.
thread_message_sources = Table(
    "thread_message_sources",
    metadata,
    Column("message_id", String(40), ForeignKey("thread_messages.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", String(40), primary_key=True),
    _team(),
    Index(None, "team_id", "document_id"),
)

runs = Table(
    "runs",
    metadata,
    _id(),
    _team(),
    Column("thread_id", String(40), nullable=False),
    Column("assistant_id", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("asked", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("calls", JSON, nullable=False),
    Column("rounds", JSON, nullable=False),
    Column("error", JSON),
    Column("incomplete", String(40)),
    Column("usage", JSON),
    _time("created_at"),
    _time("expires_at"),
    _time("started_at", nullable=True),
    _time("ended_at", nullable=True),
    UniqueConstraint("team_id", "id"),
    ForeignKeyConstraint(["team_id", "thread_id"], ["threads.team_id", "threads.id"], ondelete="CASCADE"),
    Index(None, "team_id", "thread_id", "created_at"),
)

run_steps = Table(
    "run_steps",
    metadata,
    _id(),
    _team(),
    Column("run_id", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("details", JSON, nullable=False),
    Column("usage", JSON),
    _time("created_at"),
    _time("ended_at", nullable=True),
    ForeignKeyConstraint(["team_id", "run_id"], ["runs.team_id", "runs.id"], ondelete="CASCADE"),
)
