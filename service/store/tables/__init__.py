"""The records database: one schema for SQLite and PostgreSQL, its tables by noun."""

from service.store.tables.action import (
    action_accounts,
    action_sign_ins,
    actions,
    approvals,
    confirmations,
    mcp_servers,
)
from service.store.tables.assistant import (
    assistant_knowledge,
    assistant_notes,
    assistant_versions,
    assistants,
    knowledge_bases,
)
from service.store.tables.audit_chain import audit, audit_heads
from service.store.tables.budget import budgets, spending, usage
from service.store.tables.conversation import conversations, response_sources, responses, turn_sources, turns
from service.store.tables.file import (
    files,
    upload_parts,
    uploads,
    vector_store_batches,
    vector_store_files,
    vector_stores,
)
from service.store.tables.schema import metadata
from service.store.tables.team import (
    administrator_keys,
    attempts,
    identities,
    installation,
    invitations,
    key_assistants,
    keys,
    members,
    people,
    sessions,
    teams,
    tokens,
)
from service.store.tables.thread import run_steps, runs, thread_message_sources, thread_messages, threads

__all__ = [
    "action_accounts",
    "action_sign_ins",
    "actions",
    "administrator_keys",
    "approvals",
    "assistant_knowledge",
    "assistant_notes",
    "assistant_versions",
    "assistants",
    "attempts",
    "audit",
    "audit_heads",
    "budgets",
    "confirmations",
    "conversations",
    "files",
    "identities",
    "installation",
    "invitations",
    "key_assistants",
    "keys",
    "knowledge_bases",
    "mcp_servers",
    "members",
    "metadata",
    "people",
    "response_sources",
    "responses",
    "run_steps",
    "runs",
    "sessions",
    "spending",
    "teams",
    "thread_message_sources",
    "thread_messages",
    "threads",
    "tokens",
    "turn_sources",
    "turns",
    "upload_parts",
    "uploads",
    "usage",
    "vector_store_batches",
    "vector_store_files",
    "vector_stores",
]
