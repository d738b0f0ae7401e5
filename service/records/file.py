"""Files of the OpenAI surface, and the vector stores that they are in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


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
