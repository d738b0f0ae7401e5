"""The nouns of a knowledge base."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DocumentStatus(StrEnum):
    """Where a document is on its way from an upload to an answer."""

    QUEUED = "queued"  # stored, waiting for its turn
    READING = "reading"  # a reader in its cage is taking the text out
    EMBEDDING = "embedding"  # chunks are being turned into vectors
    READY = "ready"  # its passages can be found
    FAILED = "failed"  # `error` says what to do


class BlockKind(StrEnum):
    """What a stretch of a page is; the chunker keeps tables and headings in shape."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    TABLE = "table"
    LIST = "list"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A stretch of a page's text."""

    kind: BlockKind
    start: int  # character offset into Page.text
    end: int  # exclusive
    level: int = 0  # 1..6 for a heading, else 0


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a reader hands over: a PDF page, a slide, a sheet, or a whole text file."""

    number: int  # counted from 1: what a citation opens
    label: str  # "page 3", "slide 2", "Sheet1"; "" for a file that has no pages (its locators are lines)
    text: str  # NFC, "\n" line ends
    blocks: tuple[Block, ...] = ()  # in order, not overlapping; gaps are white space


@dataclass(frozen=True, kw_only=True)
class PageSummary:
    """What is served of a page."""

    number: int
    label: str
    characters: int
    chunks: int  # 0: nothing of it can be found


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A stretch of one page, small enough to embed and to quote."""

    ordinal: int  # position in the document, from 0
    page: int  # Page.number
    locator: str  # "page 3", "lines 10-40", "Sheet1!A2:F9": what a person reads
    section: tuple[str, ...]  # headings above it, outermost first
    text: str  # == page.text[start:end]
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the work on a document is. Totals are None until they are known."""

    pages_read: int = 0
    pages_total: int | None = None
    chunks_embedded: int = 0
    chunks_total: int | None = None
    chunks_reused: int = 0  # of an update: taken over unchanged, not embedded again


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file in a knowledge base."""

    id: str  # "doc_" + 24 hex digits
    name: str  # unique in its knowledge base, NFC
    media_type: str
    size: int  # bytes of the original
    sha256: str | None  # of the content that is being served; None before the first is ready
    pending_sha256: str | None  # of the content being prepared; None when nothing is in work
    status: DocumentStatus
    progress: Progress
    pages: int  # pages being served
    chunks: int  # chunks being served
    error: str | None  # one sentence that says what to do
    warnings: tuple[str, ...]  # "page 7 has no text"
    attributes: dict[str, str | int | float | bool]  # tags, dates: what filters ask for
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What each stage of a search thought of a passage; None where the stage did not see it."""

    dense: float | None  # cosine, -1..1
    lexical: float | None  # BM25, 0..
    fused: float
    rerank: float | None = None


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A chunk judged against a question."""

    document_id: str
    document_name: str
    chunk: Chunk
    score: float  # what the order is by
    relevance: float  # 0..1: how sure the search is that this passage bears on the question
    scores: Scores


class Reranking(StrEnum):
    """What became of the second look that a base asks for."""

    USED = "used"  # the order is the reranker's
    OPENING = "opening"  # its model is still being opened: the order is the search's
    FAILED = "failed"  # it cannot be opened: the order is the search's, and the log says why


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The passages for a question, best first, and what was left out."""

    query: str  # as searched
    passages: tuple[Passage, ...]
    below_floor: tuple[Passage, ...] = ()  # best of those that the relevance floor cut
    answerability: float = 0.0  # 0..1: how sure the search is that these passages hold the answer
    took_ms: float = 0.0
    weights: dict[str, float] = field(default_factory=dict)  # of each leg: {"dense": .., "lexical": ..}
    reranking: Reranking | None = None  # None: no base asks for one


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a deletion took away."""

    document_id: str
    name: str
    pages: int
    chunks: int
    vectors: int
    files: int
