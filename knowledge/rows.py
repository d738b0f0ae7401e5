"""Between the nouns of a knowledge base and its rows."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from knowledge import attributes
from knowledge.documents import Block, BlockKind, Chunk, Document, DocumentStatus, Page, Progress

IN_WORK = (DocumentStatus.QUEUED, DocumentStatus.READING, DocumentStatus.EMBEDDING)

DOCUMENT = """
SELECT id, name, status, error, created_at, updated_at, sha256, media_type, size, pages, chunks, warnings,
  upload_sha256, upload_media_type, upload_size, upload_warnings,
  pages_read, pages_total, chunks_embedded, chunks_total, chunks_reused, seq, first_chunk,
  pages_staged, chunks_staged,
  (SELECT json_group_array(json_array(key, kind, value)) FROM attributes WHERE document = seq) AS attributes
FROM documents
"""


def document(row: sqlite3.Row) -> Document:
    status = DocumentStatus(row["status"])
    served = row["sha256"] is not None
    return Document(
        id=row["id"],
        name=row["name"],
        media_type=row["media_type"] if served else row["upload_media_type"],
        size=row["size"] if served else row["upload_size"],
        sha256=row["sha256"],
        pending_sha256=row["upload_sha256"] if status in IN_WORK else None,
        status=status,
        progress=Progress(
            pages_read=row["pages_read"],
            pages_total=row["pages_total"],
            chunks_embedded=row["chunks_embedded"],
            chunks_total=row["chunks_total"],
            chunks_reused=row["chunks_reused"],
        ),
        pages=row["pages"],
        chunks=row["chunks"],
        error=row["error"],
        warnings=tuple(json.loads(row["warnings"] if served else row["upload_warnings"])),
        attributes=attributes.read(row["attributes"]),
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        updated_at=datetime.fromtimestamp(row["updated_at"], UTC),
    )


def page_values(page: Page) -> tuple[Any, ...]:
    blocks = [(block.kind, block.start, block.end, block.level) for block in page.blocks]
    return (page.number, page.label, page.text, json.dumps(blocks))


def page(row: Sequence[Any]) -> Page:
    number, label, text, blocks = row
    return Page(number=number, label=label, text=text, blocks=tuple(_blocks(json.loads(blocks))))


def _blocks(rows: Iterable[Sequence[Any]]) -> Iterable[Block]:
    for kind, start, end, level in rows:
        yield Block(kind=BlockKind(kind), start=start, end=end, level=level)


def chunk_values(chunk: Chunk) -> tuple[Any, ...]:
    path = json.dumps(chunk.section, ensure_ascii=False)
    return (chunk.page, chunk.locator, path, chunk.start, chunk.end, chunk.text)


def section(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def chunk(ordinal: int, row: Sequence[Any]) -> Chunk:
    page, locator, path, start, end, text = row
    return Chunk(
        ordinal=ordinal,
        page=page,
        locator=locator,
        section=section(path),
        start=start,
        end=end,
        text=text,
    )
