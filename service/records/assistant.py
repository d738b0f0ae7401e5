"""Assistants, what they know and what they may do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class KnowledgeBaseRecord:
    """A knowledge base as the records know it; its content is a folder of its own."""

    id: str
    team_id: str
    slug: str  # unique in the team
    name: str
    own: bool  # made with an assistant: it goes with the last one that reads it
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """One version of an assistant, with the text of its instruction file."""

    id: str
    team_id: str
    slug: str  # unique in the team; the `model` of an OpenAI client
    version: int  # counted from 1
    name: str
    instruction: str  # the whole file: front matter and sections
    knowledge_bases: tuple[str, ...]  # ids; uploads go to the first
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredAction:
    """An OpenAPI document of an assistant, with what its editors decided about it."""

    id: str
    team_id: str
    assistant_id: str
    name: str  # unique in the assistant
    spec: str  # the whole text
    base_url: str | None  # where it was fetched
    server: str | None  # used instead of the document's own
    operations: dict[str, dict[str, bool]]  # by name: "enabled", "consequential"
    auth: dict[str, Any]  # credentials, as far as they may be shown
    origins: tuple[str, ...]  # the only ones that the credentials go to
    secret: str | None = field(repr=False)  # sealed
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredConfirmation:
    """A question to one member: may exactly this be done? It is decided once, or expires."""

    id: str  # "conf_…"
    team_id: str
    member: str
    assistant_id: str
    version: int  # of the assistant that asked
    model: str  # as the client named the assistant
    conversation_id: str | None
    turn_id: str | None  # the stored turn that it goes on with
    call: dict[str, Any]  # what would be done, as everybody sees it
    state: dict[str, Any] | None  # all that it takes to go on; None once decided
    documents: list[str]  # ids of those that `state` holds text of
    decision: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Approval:
    """An operation that a member approved for always, with one assistant."""

    id: str  # "appr_…"
    team_id: str
    member: str
    assistant_id: str
    assistant: str  # slug
    operation: str  # tool, method and host
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredMcpServer:
    """An MCP server of an assistant: where it is, what it offered, and what editors decided about that."""

    id: str  # "mcp_…"
    team_id: str
    assistant_id: str
    name: str  # unique in the assistant
    url: str | None
    command: str | None  # by the name that the operator gave it
    tools: list[dict[str, Any]]  # as they were listed last: name, description, parameters, read_only
    refused: list[str]  # why others cannot be used
    choices: dict[str, dict[str, bool]]  # by tool: "enabled", "consequential"
    trust_hints: bool  # whether the server's own word that a tool only reads is believed
    auth: dict[str, Any]  # credentials, as far as they may be shown
    origins: tuple[str, ...]  # the only ones that the credentials go to
    secret: str | None = field(repr=False)  # sealed
    created_at: datetime
    updated_at: datetime
