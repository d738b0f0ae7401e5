"""Frozen records of the words of the service."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a caller may do in the team; each role may do what the one before it may."""

    VIEWER = "viewer"  # talk to assistants
    EDITOR = "editor"  # write instructions, upload knowledge
    OWNER = "owner"  # members, keys, budgets

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Access(StrEnum):
    """How far a key reaches, within its role."""

    READ = "read"  # asks and reads; changes nothing of the team
    WRITE = "write"  # all that its role may


@dataclass(frozen=True, kw_only=True)
class Team:
    """The wall: everything belongs to one team and is seen by no other."""

    id: str
    slug: str
    name: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is asking: made from a key or a session, and nothing else."""

    team: Team
    role: Role
    member: str  # "mem_…", or the key's own id for a key that belongs to no member
    access: Access = Access.WRITE
    assistants: frozenset[str] | None = None  # ids of those that the key may use; None: all of the team
    key: str | None = None  # id of the key that was sent or that opened the session
    session: str | None = None  # id of the session
    person: str | None = None  # id of the person who signed in

    def may_use(self, assistant_id: str) -> bool:
        """Whether the key's scope holds the assistant; what is outside does not exist for it."""
        return self.assistants is None or assistant_id in self.assistants


@dataclass(frozen=True, kw_only=True)
class AdministratorCaller:
    """Who manages the installation's teams: of no team, and so without sight of anything in one."""

    key: str  # id of the administrator's key
    session: str | None = None


@dataclass(frozen=True, kw_only=True)
class Key:
    """A credential of a team. The secret itself is shown once and kept only as SHA-256."""

    id: str
    team_id: str
    name: str
    role: Role
    access: Access
    assistants: tuple[str, ...] | None  # slugs of those that it may use; None: all of the team
    member_id: str | None  # whose key it is; None: a service key, which acts as itself
    prefix: str  # the first characters, so that people can tell keys apart
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None  # how long the secret before the last rotation still works


@dataclass(frozen=True, kw_only=True)
class AdministratorKey:
    """A credential of the installation: it manages teams and reads nothing in them."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who signs in; a member of one or more teams."""

    id: str
    email: str | None  # lower case
    name: str
    has_password: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person's place in a team."""

    id: str
    team_id: str
    name: str
    email: str | None
    role: Role
    person_id: str | None  # None: made by the command line, signs in with links and keys
    managed: bool  # the identity provider gave the role, and takes it away again
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One of the teams that a person belongs to."""

    member_id: str
    team: Team
    role: Role


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A link that makes its reader a member, once."""

    id: str
    team_id: str
    role: Role
    email: str | None  # the only address that may accept it; None: whoever holds the link
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser that is signed in."""

    id: str
    agent: str  # what the browser says that it is
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what to which thing. Each entry's hash covers the one before it."""

    chain: str  # the team's id, or "installation"
    position: int  # counted from 1, without gaps
    at: datetime
    actor: str  # "member:mem_…", "key:key_…", "administrator:admin_…", "operator"
    operation: str  # the operation id of the route, or the command
    targets: dict[str, str]  # ids and slugs; never text that somebody wrote
    request: str  # the request's id; empty for a command
    previous: str
    hash: str


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
class Turn:
    """A question and its whole answer."""

    id: str
    question: str
    answer: str
    citations: list[dict[str, Any]]
    retrieval: dict[str, Any]
    model: str
    created_at: datetime
    actions: list[dict[str, Any]] = field(default_factory=list)  # calls of tools, as everybody sees them
    # Calls of the client's own tools and their results, between question and answer, as chat messages.
    tool_messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether the answer waits for results of the client's tools."""
        return bool(self.tool_messages) and not self.answer


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
class Conversation:
    """Turns of one member with one assistant."""

    id: str
    team_id: str
    member: str
    assistant_id: str
    assistant: str  # slug
    title: str
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)  # the client's own


class ResponseStatus(StrEnum):
    """What became of a response."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # the model stopped before its end; the body says why
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """A response of OpenAI's Responses API, as its client will read it again."""

    id: str  # "resp_…"
    status: ResponseStatus
    body: dict[str, Any]  # the response object
    input: list[dict[str, Any]]  # input items, each with an id
    previous_id: str | None  # the response that it goes on from
    created_at: datetime
    # In which pieces the output came, so that a stream of it can be told again: [output index, characters].
    pieces: list[list[int]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)  # ids of those that it rests on


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file of the OpenAI surface, before and beside its being a document somewhere."""

    id: str  # "file-…"
    team_id: str
    name: str
    purpose: str
    size: int  # bytes
    sha256: str
    created_at: datetime
    expires_at: datetime | None


class UploadStatus(StrEnum):
    """Where an upload in parts stands."""

    PENDING = "pending"  # takes parts
    COMPLETED = "completed"  # is a file
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # was not completed in time


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that comes in parts."""

    id: str  # "upload_…"
    team_id: str
    name: str
    purpose: str
    media_type: str
    size: int  # bytes that the parts together must have
    status: UploadStatus
    lasts_s: int | None  # how long the file is kept once it is whole
    file_id: str | None  # once it is completed
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class UploadPart:
    """A stretch of an upload; the order is said when it is completed."""

    id: str  # "part_…"
    upload_id: str
    size: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class VectorStoreNotes:
    """What the OpenAI surface keeps of a knowledge base beside what the page does."""

    metadata: dict[str, str]
    expires_days: int | None  # after the last use; None for never
    last_active_at: datetime | None  # None: not since it was made


@dataclass(frozen=True, kw_only=True)
class StoredFileLink:
    """A file in a vector store, and the document it became there."""

    base_id: str
    file_id: str
    document_id: str | None  # None: cancelled before it could be found
    chunking: dict[str, Any] | None  # as the client asked for it
    batch_id: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class FileBatch:
    """Files that came into a vector store with one request."""

    id: str  # "vsfb_…"
    base_id: str
    cancelled: bool
    created_at: datetime


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
class Thread:
    """A conversation of the Assistants API: of the team, under an id that nobody guesses."""

    id: str  # "thread_…"
    team_id: str
    metadata: dict[str, str]
    vector_stores: list[str]  # "vs_…": searched beside the knowledge of whichever assistant runs on it
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ThreadMessage:
    """What somebody said in a thread."""

    id: str  # "msg_…"
    thread_id: str
    role: str  # "user" or "assistant"
    content: list[dict[str, Any]]  # parts as the wire shows them
    attachments: list[dict[str, Any]]
    metadata: dict[str, str]
    assistant_id: str | None
    run_id: str | None
    incomplete: str | None  # why the answer ended early
    created_at: datetime

    @property
    def text(self) -> str:
        """What was said in words."""
        texts = [part["text"]["value"] for part in self.content if part.get("type") == "text"]
        return "\n".join(texts)


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"  # waits for the outputs of the client's tools
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # a limit on tokens ended it
    FAILED = "failed"  # `error` says why
    EXPIRED = "expired"  # nobody sent the outputs in time

    @property
    def over(self) -> bool:
        """Whether nothing will come any more."""
        return self not in (RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION)


@dataclass(frozen=True, kw_only=True)
class Run:
    """An assistant's work on a thread."""

    id: str  # "run_…"
    team_id: str
    thread_id: str
    assistant_id: str
    status: RunStatus
    asked: dict[str, Any]  # what the client wants of it: model, instructions, tools, temperature, …
    metadata: dict[str, str]
    calls: list[dict[str, Any]]  # tool calls that wait for their outputs
    rounds: list[dict[str, Any]]  # calls and outputs so far, as chat messages
    error: dict[str, str] | None  # code and message
    incomplete: str | None  # which limit ended it
    usage: dict[str, int] | None
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """A stretch of a run: a search, calls, or a message."""

    id: str  # "step_…"
    run_id: str
    kind: str  # "tool_calls" or "message_creation"
    status: str
    details: dict[str, Any]
    usage: dict[str, int] | None
    created_at: datetime
    ended_at: datetime | None
