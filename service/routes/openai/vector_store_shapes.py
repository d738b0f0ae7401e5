"""Vector stores, their files and batches on the wire, and what is asked of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from ingest.pipeline import OUR_FAULT
from knowledge.documents import Document
from service.installation import Installation
from service.records import FileBatch, KnowledgeBaseRecord, VectorStoreNotes
from service.routes.shapes import Listing, seconds
from service.store.pages import CursorNotFound, Window
from service.vector_stores import StoreFile, Wanted, expires_at, files, is_expired, store_id

StoreId = Annotated[str, Path(examples=["vs_0123456789abcdef01234567"])]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
Attributes = dict[str, Any]

_COUNTS = {"in_progress": 0, "completed": 3, "failed": 0, "cancelled": 0, "total": 3}
STORE: dict[str, Any] = {
    "id": "vs_0123456789abcdef01234567",
    "object": "vector_store",
    "created_at": 1795478400,
    "name": "Company policies",
    "status": "completed",
    "usage_bytes": 120394,
    "file_counts": _COUNTS,
    "metadata": {},
    "expires_after": None,
    "expires_at": None,
    "last_active_at": 1795478400,
}
FILE: dict[str, Any] = {
    "id": "file-0123456789abcdef01234567",
    "object": "vector_store.file",
    "created_at": 1795478400,
    "vector_store_id": "vs_0123456789abcdef01234567",
    "status": "completed",
    "last_error": None,
    "usage_bytes": 48213,
    "attributes": {"year": 2026},
    "chunking_strategy": {"type": "other"},
}
_BATCH: dict[str, Any] = {
    "id": "vsfb_0123456789abcdef01234567",
    "object": "vector_store.files_batch",
    "created_at": 1795478400,
    "vector_store_id": "vs_0123456789abcdef01234567",
    "status": "completed",
    "file_counts": _COUNTS,
}


class ActivityExpiry(BaseModel):
    """After how many days without use the store expires."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(ge=1, le=365)]


class StaticSizes(BaseModel):
    """Sizes of chunks as the client wants them."""

    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0, le=2048)]


class Chunking(BaseModel):
    """How the client wants files cut. Kept and shown; Doumi cuts by structure, as its search needs it."""

    type: Literal["auto", "static"]
    static: StaticSizes | None = None

    def kept(self) -> dict[str, Any] | None:
        """What is shown of it later."""
        return self.model_dump() if self.type == "static" and self.static else None


class StoreIn(BaseModel):
    """A new vector store."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"name": "Company policies", "file_ids": ["file-0123456789abcdef01234567"]}
        },
    )
    name: Annotated[str | None, Field(max_length=200)] = None
    file_ids: Annotated[list[str], Field(max_length=2000)] = Field(default_factory=list)
    metadata: Metadata | None = None
    expires_after: ActivityExpiry | None = None
    chunking_strategy: Chunking | None = None


class StoreChange(BaseModel):
    """What changes of a vector store; what is left out stays."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"name": "All policies"}})
    name: Annotated[str | None, Field(max_length=200)] = None
    metadata: Metadata | None = None
    expires_after: ActivityExpiry | None = None


class CountsOut(BaseModel):
    """Files by status."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class StoreOut(BaseModel):
    """A vector store."""

    model_config = ConfigDict(json_schema_extra={"example": STORE})
    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    status: Literal["expired", "in_progress", "completed"]
    usage_bytes: int
    file_counts: CountsOut
    metadata: dict[str, str]
    expires_after: ActivityExpiry | None
    expires_at: int | None
    last_active_at: int


class StoreDeletedOut(BaseModel):
    """A vector store is gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "vs_0123456789abcdef01234567",
                "object": "vector_store.deleted",
                "deleted": True,
            }
        }
    )
    id: str
    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    deleted: Literal[True] = True


class StoreFileIn(BaseModel):
    """A file to put into a vector store."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"file_id": "file-0123456789abcdef01234567", "attributes": {"year": 2026}}
        },
    )
    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None

    def wanted(self) -> Wanted:
        """The file, as the service takes it."""
        return Wanted(
            file_id=self.file_id,
            attributes=self.attributes,
            chunking=self.chunking_strategy.kept() if self.chunking_strategy else None,
        )


class BatchIn(BaseModel):
    """Several files to put into a vector store: `file_ids`, or `files` each with its attributes."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"example": {"file_ids": ["file-0123456789abcdef01234567"]}}
    )
    file_ids: Annotated[list[str], Field(max_length=2000)] = Field(default_factory=list)
    files: Annotated[list[StoreFileIn], Field(max_length=2000)] = Field(default_factory=list)
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None

    def wanted(self) -> list[Wanted]:
        """The files, each once."""
        chunking = self.chunking_strategy.kept() if self.chunking_strategy else None
        named = {
            file_id: Wanted(file_id=file_id, attributes=self.attributes, chunking=chunking)
            for file_id in self.file_ids
        }
        return list((named | {file.file_id: file.wanted() for file in self.files}).values())


class AttributesIn(BaseModel):
    """The attributes that replace those that there were."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"attributes": {"year": 2026}}})
    attributes: Attributes | None


class LastErrorOut(BaseModel):
    """Why a file could not be read, and what to do."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class StoreFileOut(BaseModel):
    """A file in a vector store."""

    model_config = ConfigDict(json_schema_extra={"example": FILE})
    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    vector_store_id: str
    status: str
    last_error: LastErrorOut | None
    usage_bytes: int
    attributes: Attributes
    chunking_strategy: dict[str, Any]


class StoreFileDeletedOut(BaseModel):
    """A file is in the vector store no more; the file itself stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "file-0123456789abcdef01234567",
                "object": "vector_store.file.deleted",
                "deleted": True,
            }
        }
    )
    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: Literal[True] = True


class BatchOut(BaseModel):
    """Files that came with one request."""

    model_config = ConfigDict(json_schema_extra={"example": _BATCH})
    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: Literal["in_progress", "completed", "cancelled", "failed"]
    file_counts: CountsOut


class StoreFiles(Listing[StoreFileOut]):
    """Files of a vector store."""


def store_out(here: Installation, record: KnowledgeBaseRecord, notes: VectorStoreNotes) -> StoreOut:
    """The knowledge base, as a vector store."""
    found = files(here, record)
    counts = counts_of(found)
    ends = expires_at(record, notes)
    status: Literal["expired", "in_progress", "completed"] = (
        "in_progress" if counts.in_progress else "completed"
    )
    return StoreOut(
        id=store_id(record.id),
        created_at=seconds(record.created_at),
        name=record.name,
        status="expired" if is_expired(record, notes) else status,
        usage_bytes=sum(_size(file.document) for file in found),
        file_counts=counts,
        metadata=notes.metadata,
        expires_after=ActivityExpiry(anchor="last_active_at", days=notes.expires_days)
        if notes.expires_days
        else None,
        expires_at=seconds(ends) if ends else None,
        last_active_at=seconds(notes.last_active_at or record.created_at),
    )


def file_out(record: KnowledgeBaseRecord, file: StoreFile) -> StoreFileOut:
    """The document, as a file of a vector store."""
    document = file.document
    return StoreFileOut(
        id=file.file_id,
        created_at=seconds(file.created_at),
        vector_store_id=store_id(record.id),
        status=file.status,
        last_error=_error(document.error) if document and document.error else None,
        usage_bytes=_size(document),
        attributes=dict(document.attributes) if document else {},
        chunking_strategy=file.chunking or {"type": "other"},
    )


def batch_out(record: KnowledgeBaseRecord, batch: FileBatch, found: Iterable[StoreFile]) -> BatchOut:
    """The batch, with what became of its files."""
    counts = counts_of([file for file in found if file.batch_id == batch.id])
    status: Literal["in_progress", "completed"] = "in_progress" if counts.in_progress else "completed"
    return BatchOut(
        id=batch.id,
        created_at=seconds(batch.created_at),
        vector_store_id=store_id(record.id),
        status="cancelled" if batch.cancelled else status,
        file_counts=counts,
    )


def listed(
    record: KnowledgeBaseRecord, found: Sequence[StoreFile], window: Window, status: str | None
) -> StoreFiles:
    """A page of files. Raises CursorNotFound."""
    wanted = [file for file in found if status in (None, file.status)]
    if window.order == "desc":
        wanted.reverse()
    ids = [file.file_id for file in wanted]
    for cursor in (window.after, window.before):
        if cursor is not None and cursor not in ids:
            raise CursorNotFound(
                f"No item {cursor!r} in this list; take first_id or last_id of another page."
            )
    start = ids.index(window.after) + 1 if window.after else 0
    stop = ids.index(window.before) if window.before else len(ids)
    between = wanted[start:stop]
    page = between[-window.limit :] if window.before and not window.after else between[: window.limit]
    return StoreFiles(
        data=[file_out(record, file) for file in page],
        first_id=page[0].file_id if page else None,
        last_id=page[-1].file_id if page else None,
        has_more=len(between) > len(page),
    )


def counts_of(found: Iterable[StoreFile]) -> CountsOut:
    """How many files are in which status."""
    count = Counter(file.status for file in found)
    return CountsOut(
        in_progress=count["in_progress"],
        completed=count["completed"],
        failed=count["failed"],
        cancelled=count["cancelled"],
        total=count.total(),
    )


def _size(document: Document | None) -> int:
    return document.size if document and document.sha256 else 0


def _error(sentence: str) -> LastErrorOut:
    return LastErrorOut(code="server_error" if sentence in OUR_FAULT else "invalid_file", message=sentence)
