"""Frozen records of the words of the service."""

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Key:
    """A credential of a team. The secret itself is shown once and kept only as SHA-256."""

    id: str
    team_id: str
    name: str
    role: Role
    prefix: str  # the first characters, so that people can tell keys apart
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


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
