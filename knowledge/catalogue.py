"""The rows of the documents of a knowledge base. Each function is part of the caller's transaction."""

import json
import re
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

from knowledge import postings, rows, staging
from knowledge.documents import DocumentStatus
from knowledge.errors import DocumentNotFound, NameTaken, Superseded
from knowledge.searchable import embedded_text, indexed_terms

IN_WORK = f"status IN ({', '.join(repr(str(status)) for status in rows.IN_WORK)})"
_LONGEST_NAME = 255  # characters
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def label(name: str) -> str:
    """The name a document is shown under: no path, no control characters, NFC, at most 255 characters."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFC", name))
    plain = re.split(r"[/\\]", plain)[-1].strip()
    if plain in ("", ".", ".."):
        return "document"
    if len(plain) <= _LONGEST_NAME:
        return plain
    stem, dot, extension = plain.rpartition(".")
    if len(extension) > 16:
        return plain[:_LONGEST_NAME]
    return f"{stem[: _LONGEST_NAME - len(extension) - 1]}{dot}{extension}"


def row(connection: sqlite3.Connection, document_id: str) -> sqlite3.Row:
    """Raises DocumentNotFound."""
    found: sqlite3.Row | None = connection.execute(f"{rows.DOCUMENT} WHERE id = ?", (document_id,)).fetchone()
    if found is None:
        raise DocumentNotFound(document_id)
    return found


def pending_row(connection: sqlite3.Connection, document_id: str, sha256: str) -> sqlite3.Row:
    """Raises DocumentNotFound, or Superseded when that content is not in work."""
    found = row(connection, document_id)
    if found["status"] not in rows.IN_WORK or found["upload_sha256"] != sha256:
        raise Superseded(document_id)
    return found


def listed(
    connection: sqlite3.Connection,
    *,
    limit: int,
    after: str | None,
    before: str | None,
    order: Literal["asc", "desc"],
    where: tuple[str, list[Any]] = ("1", []),
) -> list[sqlite3.Row]:
    """A page of the list of those `where` holds. With `before` alone it is the `limit` next to that one."""
    ascending = order == "asc"
    forward = ascending != (before is not None and after is None)
    conditions, values = [where[0]], [*where[1]]
    for mark, ahead in ((after, ascending), (before, not ascending)):
        if mark is not None:
            conditions.append(f"seq {'>' if ahead else '<'} ?")
            values.append(row(connection, mark)["seq"])
    found = connection.execute(
        f"{rows.DOCUMENT} WHERE {' AND '.join(conditions)}"
        f" ORDER BY seq {'ASC' if forward else 'DESC'} LIMIT ?",
        (*values, limit),
    ).fetchall()
    return found if forward == ascending else found[::-1]


def unfinished(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Oldest upload first."""
    return connection.execute(f"{rows.DOCUMENT} WHERE {IN_WORK} ORDER BY updated_at, seq").fetchall()


def is_idle(connection: sqlite3.Connection) -> bool:
    return connection.execute(f"SELECT 1 FROM documents WHERE {IN_WORK} LIMIT 1").fetchone() is None  # noqa: S608


def admit(connection: sqlite3.Connection, name: str, media_type: str, sha256: str, size: int) -> str:
    """Make or change the row of an upload; what was staged of another content goes. Returns its id."""
    found: sqlite3.Row | None = connection.execute(f"{rows.DOCUMENT} WHERE name = ?", (name,)).fetchone()
    if found is None:
        return _add(connection, name, media_type, sha256, size)
    if sha256 == found["upload_sha256"]:
        if found["status"] not in rows.IN_WORK:  # it failed
            _queue(connection, found, sha256, media_type, size)
    elif sha256 == found["sha256"]:
        _return_to_served(connection, found)
    else:
        _queue(connection, found, sha256, media_type, size)
    return str(found["id"])


def _add(connection: sqlite3.Connection, name: str, media_type: str, sha256: str, size: int) -> str:
    now = time.time()
    document_id = f"doc_{secrets.token_hex(12)}"
    connection.execute(
        "INSERT INTO documents (id, name, status, created_at, updated_at,"
        " upload_sha256, upload_media_type, upload_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document_id, name, DocumentStatus.QUEUED, now, now, sha256, media_type, size),
    )
    return document_id


def _queue(
    connection: sqlite3.Connection, found: sqlite3.Row, sha256: str, media_type: str, size: int
) -> None:
    _discard_staged(connection, found)
    connection.execute(
        "UPDATE documents SET status = ?, error = NULL, upload_sha256 = ?, upload_media_type = ?,"
        " upload_size = ?, upload_warnings = '[]', pages_read = 0, pages_total = NULL,"
        " chunks_embedded = 0, chunks_total = NULL, chunks_reused = 0, updated_at = ? WHERE seq = ?",
        (DocumentStatus.QUEUED, sha256, media_type, size, time.time(), found["seq"]),
    )


def _return_to_served(connection: sqlite3.Connection, found: sqlite3.Row) -> None:
    """Give up whatever else was uploaded meanwhile."""
    _discard_staged(connection, found)
    connection.execute(
        "UPDATE documents SET status = ?, error = NULL, upload_sha256 = NULL, upload_media_type = NULL,"
        " upload_size = NULL WHERE seq = ?",
        (DocumentStatus.READY, found["seq"]),
    )


def _discard_staged(connection: sqlite3.Connection, found: sqlite3.Row) -> None:
    if found["pages_staged"] or found["chunks_staged"]:
        staging.discard(connection, found["seq"])
        connection.execute("UPDATE state SET erasing = 1")


def mark_served(
    connection: sqlite3.Connection, found: sqlite3.Row, fingerprint: str, first: int, chunks: int
) -> None:
    """Make the upload the served content; its pages are in place."""
    connection.execute(
        "UPDATE documents SET status = ?, error = NULL, sha256 = upload_sha256,"
        " media_type = upload_media_type, size = upload_size, warnings = upload_warnings,"
        " upload_sha256 = NULL, upload_media_type = NULL, upload_size = NULL, upload_warnings = '[]',"
        " fingerprint = ?, first_chunk = ?, chunks = ?, updated_at = ?,"
        " pages = (SELECT count(*) FROM pages WHERE document = seq) WHERE seq = ?",
        (DocumentStatus.READY, fingerprint, first, chunks, time.time(), found["seq"]),
    )


def take_out(connection: sqlite3.Connection, found: sqlite3.Row) -> None:
    """Delete the served pages, chunks, postings and vectors of a document."""
    connection.execute("DELETE FROM pages WHERE document = ?", (found["seq"],))
    if not found["chunks"]:
        return
    span = (found["first_chunk"], found["first_chunk"] + found["chunks"])
    postings.remove(connection, span[0], served_terms(connection, found))
    connection.execute("DELETE FROM vectors WHERE chunk >= ? AND chunk < ?", span)
    connection.execute("DELETE FROM chunks WHERE id >= ? AND id < ?", span)
    connection.execute("UPDATE documents SET first_chunk = NULL, chunks = 0 WHERE seq = ?", (found["seq"],))


def rename(connection: sqlite3.Connection, found: sqlite3.Row, name: str) -> None:
    """Name a document otherwise; its terms follow at once.

    The name is in what is embedded, so what is served is queued to be cut and embedded again, from the pages
    that are there; what is on its way is cut again. Raises NameTaken.
    """
    if connection.execute("SELECT 1 FROM documents WHERE name = ?", (name,)).fetchone():
        raise NameTaken(name)
    if found["chunks"]:
        postings.remove(connection, found["first_chunk"], served_terms(connection, found))
    connection.execute("UPDATE documents SET name = ? WHERE seq = ?", (name, found["seq"]))
    renamed = row(connection, found["id"])
    if found["chunks"]:
        postings.add(connection, found["first_chunk"], served_terms(connection, renamed))
    if found["status"] == DocumentStatus.READY:
        _queue(connection, found, found["sha256"], found["media_type"], found["size"])
        connection.execute(
            "UPDATE documents SET upload_warnings = warnings, pages_staged = 1, pages_read = pages,"
            " pages_total = pages WHERE seq = ?",
            (found["seq"],),
        )
        connection.execute("INSERT INTO staged_pages SELECT * FROM pages WHERE document = ?", (found["seq"],))
    else:
        connection.execute("DELETE FROM staged_chunks WHERE document = ?", (found["seq"],))
        connection.execute("UPDATE documents SET chunks_staged = 0 WHERE seq = ?", (found["seq"],))


def served_terms(connection: sqlite3.Connection, found: sqlite3.Row) -> list[list[str]]:
    """The terms of each served chunk of a document."""
    return [indexed_terms(*parts) for parts in _served(connection, found)]


def served_texts(connection: sqlite3.Connection, found: sqlite3.Row) -> list[str]:
    """Each served chunk of a document as it was embedded."""
    return [embedded_text(*parts) for parts in _served(connection, found)]


def _served(connection: sqlite3.Connection, found: sqlite3.Row) -> Iterator[tuple[str, tuple[str, ...], str]]:
    chunks = connection.execute(
        "SELECT section, text FROM chunks WHERE id >= ? AND id < ? ORDER BY id",
        (found["first_chunk"], found["first_chunk"] + found["chunks"]),
    )
    for section, text in chunks:
        yield found["name"], tuple(json.loads(section)), text


def free_range(connection: sqlite3.Connection, count: int) -> int:
    """The first of `count` consecutive chunk ids: in a gap that a removed document left, else at the end."""
    (gap,) = connection.execute(
        "SELECT min(stop) FROM (SELECT first_chunk + chunks AS stop,"
        " lead(first_chunk) OVER (ORDER BY first_chunk, chunks) AS next"
        " FROM (SELECT first_chunk, chunks FROM documents WHERE chunks > 0 UNION ALL SELECT 0, 0))"
        " WHERE next - stop >= ?",
        (count,),
    ).fetchone()
    if gap is not None:
        return int(gap)
    (end,) = connection.execute("SELECT coalesce(max(first_chunk + chunks), 0) FROM documents").fetchone()
    return int(end)


def span(found: sqlite3.Row) -> tuple[int, int] | None:
    """Ids of the chunks that a document is served with: from and to, without the last; None for none."""
    return (found["first_chunk"], found["first_chunk"] + found["chunks"]) if found["chunks"] else None
