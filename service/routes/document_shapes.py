"""Documents, passages and receipts on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from knowledge.documents import Document, DocumentStatus, Passage, Receipt, Reranking
from service.errors import describe
from service.faults import TABLE
from service.records import KnowledgeBaseRecord
from service.routes.shapes import ErrorBody, seconds
from service.uploads import Taken

# Strict, or a number would be taken for a truth value.
Value = StrictStr | StrictBool | StrictInt | StrictFloat


DOCUMENT: dict[str, Any] = {
    "id": "doc_5f0c9f1d2b3a4c5d6e7f8091",
    "object": "document",
    "name": "handbook.pdf",
    "knowledge_base": "policies",
    "media_type": "application/pdf",
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "status": "embedding",
    "progress": {
        "pages_read": 14,
        "pages_total": 14,
        "chunks_embedded": 32,
        "chunks_total": 61,
        "chunks_reused": 0,
    },
    "pages": 0,
    "chunks": 0,
    "error": None,
    "warnings": [],
    "attributes": {"department": "hr", "year": 2026},
    "created_at": 1795478400,
    "updated_at": 1795478401,
}


RECEIPT: dict[str, Any] = {
    "id": "doc_5f0c9f1d2b3a4c5d6e7f8091",
    "object": "document.deleted",
    "deleted": True,
    "name": "handbook.pdf",
    "removed": {"pages": 14, "chunks": 61, "vectors": 61, "files": 1, "stored_answers": 2},
}


class ProgressOut(BaseModel):
    """How far the reading is; totals are null until they are known."""

    model_config = ConfigDict(from_attributes=True)
    pages_read: int
    pages_total: int | None
    chunks_embedded: int
    chunks_total: int | None
    chunks_reused: int


class DocumentOut(BaseModel):
    """A file in a knowledge base."""

    model_config = ConfigDict(json_schema_extra={"example": DOCUMENT})
    id: str
    object: Literal["document"] = "document"
    name: str
    knowledge_base: str = Field(description="Slug of the one that holds it")
    media_type: str
    size: int
    sha256: str | None = Field(description="Of the content that answers; null before the first is ready")
    status: DocumentStatus
    progress: ProgressOut
    pages: int
    chunks: int
    error: str | None
    warnings: list[str]
    attributes: dict[str, Value]
    created_at: int
    updated_at: int


class RefusedOut(BaseModel):
    """A file that was not taken."""

    name: str
    error: ErrorBody


class UploadsOut(BaseModel):
    """What became of several files: those that were taken, in order, and those that were not."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [DOCUMENT],
                "errors": [
                    {
                        "name": "film.mp4",
                        "error": {
                            "message": "The file is larger than the 200 MB that this installation takes. …",
                            "type": "invalid_request_error",
                            "param": "file",
                            "code": "file_too_large",
                        },
                    }
                ],
            }
        }
    )
    object: Literal["list"] = "list"
    data: list[DocumentOut]
    errors: list[RefusedOut]


class PageOut(BaseModel):
    """The text of a page, as it was read."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"number": 3, "label": "page 3", "text": "4.2 Annual leave\n…"}}
    )
    number: int
    label: str
    text: str


class ReceiptOut(BaseModel):
    """What a deletion took away."""

    model_config = ConfigDict(json_schema_extra={"example": RECEIPT})
    id: str
    object: Literal["document.deleted"] = "document.deleted"
    deleted: Literal[True] = True
    name: str
    removed: dict[str, int]


class DocumentChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "handbook-2026.pdf", "attributes": {"department": "hr", "year": 2026}}
        },
    )
    name: Annotated[str | None, Field(min_length=1, max_length=255)] = None
    attributes: dict[str, Value] | None = Field(None, description="Replaces those that there are")


class DeletionIn(BaseModel):
    """Documents to delete."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ids": ["doc_5f0c9f1d2b3a4c5d6e7f8091"]}}
    )
    ids: Annotated[list[str], Field(min_length=1, max_length=1000)]


class DeletionOut(BaseModel):
    """The receipts of what was deleted, and the ids that there were no documents of."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "list", "data": [RECEIPT], "missing": ["doc_000000000000000000000000"]}
        }
    )
    object: Literal["list"] = "list"
    data: list[ReceiptOut]
    missing: list[str]


class PageSummaryOut(BaseModel):
    """What is served of a page; without chunks nothing of it can be found."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {"number": 7, "label": "page 7", "characters": 0, "chunks": 0}},
    )
    number: int
    label: str
    characters: int
    chunks: int


class SearchIn(BaseModel):
    """A question to the knowledge of an assistant or of one base."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "query": "How many days of annual leave in the fourth year?",
                "k": 4,
                "filter": {
                    "type": "and",
                    "filters": [
                        {"type": "eq", "key": "department", "value": "hr"},
                        {"type": "gte", "key": "document.uploaded_at", "value": "2026-01-01"},
                    ],
                },
            }
        }
    )
    query: Annotated[str, Field(min_length=1, max_length=8000)]
    k: Annotated[
        int | None, Field(ge=1, le=50, description="Passages; null: as the knowledge base is set to")
    ] = None
    filter: dict[str, Any] | None = Field(
        None,
        description=(
            "{type: eq|ne|gt|gte|lt|lte|in|nin, key, value} or {type: and|or, filters: […]}; a key is an "
            "attribute, `document.id`, `document.name`, `document.uploaded_at` or `page`"
        ),
    )


class PassageOut(BaseModel):
    """A chunk judged against the question, with what each stage thought of it."""

    text: str
    document: dict[str, str]
    locator: str
    page: int
    section: list[str]
    score: float
    relevance: float
    scores: dict[str, float | None]


class SearchOut(BaseModel):
    """Passages, best first, and what the relevance floor cut."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "query": "How many days of annual leave in the fourth year?",
                "passages": [
                    {
                        "text": "3 to 5 years of service | 18 days",
                        "document": {"id": "doc_5f0c9f1d2b3a4c5d6e7f8091", "name": "handbook.pdf"},
                        "locator": "page 5",
                        "page": 5,
                        "section": ["Leave", "Annual leave"],
                        "score": 3.1,
                        "relevance": 0.92,
                        "scores": {"dense": 0.61, "lexical": 11.8, "fused": 3.1, "rerank": None},
                    }
                ],
                "below_floor": [],
                "answerability": 0.9,
                "weights": {"dense": 1.0, "lexical": 0.8},
                "reranking": None,
                "took_ms": 4.2,
            }
        }
    )
    query: str
    passages: list[PassageOut]
    below_floor: list[PassageOut]
    answerability: float
    weights: dict[str, float] = Field(description="How much each leg had to say in this order")
    reranking: Reranking | None = Field(description="Null: no knowledge base asks for a reranker")
    took_ms: float


def document_out(document: Document, record: KnowledgeBaseRecord) -> DocumentOut:
    """A document of that knowledge base, on the wire."""
    return DocumentOut(
        id=document.id,
        name=document.name,
        knowledge_base=record.slug,
        media_type=document.media_type,
        size=document.size,
        sha256=document.sha256,
        status=document.status,
        progress=ProgressOut.model_validate(document.progress),
        pages=document.pages,
        chunks=document.chunks,
        error=document.error,
        warnings=list(document.warnings),
        attributes=dict(document.attributes),
        created_at=seconds(document.created_at),
        updated_at=seconds(document.updated_at),
    )


def passage_out(passage: Passage) -> PassageOut:
    """The passage on the wire."""
    return PassageOut(
        text=passage.chunk.text,
        document={"id": passage.document_id, "name": passage.document_name},
        locator=passage.chunk.locator,
        page=passage.chunk.page,
        section=list(passage.chunk.section),
        score=passage.score,
        relevance=passage.relevance,
        scores={
            "dense": passage.scores.dense,
            "lexical": passage.scores.lexical,
            "fused": passage.scores.fused,
            "rerank": passage.scores.rerank,
        },
    )


def receipt_out(receipt: Receipt, stored_answers: int) -> ReceiptOut:
    """The receipt on the wire."""
    return ReceiptOut(
        id=receipt.document_id,
        name=receipt.name,
        removed={
            "pages": receipt.pages,
            "chunks": receipt.chunks,
            "vectors": receipt.vectors,
            "files": receipt.files,
            "stored_answers": stored_answers,
        },
    )


def uploads_out(taken: list[Taken], record: KnowledgeBaseRecord) -> UploadsOut:
    """What became of several files, on the wire."""
    return UploadsOut(
        data=[document_out(each.document, record) for each in taken if each.document],
        errors=[
            RefusedOut(name=each.name, error=ErrorBody(**describe(each.error, TABLE)[1]["error"]))
            for each in taken
            if each.error
        ],
    )
