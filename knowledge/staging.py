"""Content on its way in: pages, chunks and vectors that no search sees yet.

Each function is part of the caller's transaction. `document` is the row number of the document.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge import rows
from knowledge.documents import Chunk, Page
from knowledge.searchable import embedded_text, indexed_terms

_FIELDS = "page, locator, section, start, stop, text"


@dataclass(frozen=True, kw_only=True)
class Staged:
    """The chunks of a document as they will be served. Parallel."""

    texts: list[str]  # as they were embedded
    terms: list[list[str]]
    digests: list[bytes]
    vectors: NDArray[np.float16]


def put_pages(connection: sqlite3.Connection, document: int, pages: Sequence[Page]) -> None:
    discard(connection, document)
    connection.executemany(
        "INSERT INTO staged_pages VALUES (?, ?, ?, ?, ?)",
        ((document, *rows.page_values(page)) for page in pages),
    )
    connection.execute("UPDATE documents SET pages_staged = 1 WHERE seq = ?", (document,))


def pages(connection: sqlite3.Connection, document: int) -> list[Page]:
    found = connection.execute(
        "SELECT number, label, text, blocks FROM staged_pages WHERE document = ? ORDER BY number", (document,)
    )
    return [rows.page(row) for row in found]


def put_chunks(
    connection: sqlite3.Connection, document: int, name: str, chunks: Sequence[Chunk], fingerprint: str
) -> tuple[int, int]:
    """Stage the chunks; vectors of equal text that were made before are kept.

    Returns how many have a vector, and how many of these took it from the version being served.
    """
    staged, served = _known_vectors(connection, document, fingerprint)
    connection.execute("DELETE FROM staged_chunks WHERE document = ?", (document,))
    embedded = reused = 0
    for chunk in chunks:
        key = digest(embedded_text(name, chunk.section, chunk.text))
        vector = served.get(key) or staged.get(key)
        embedded += vector is not None
        reused += key in served
        connection.execute(
            "INSERT INTO staged_chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (document, chunk.ordinal, *rows.chunk_values(chunk), key, vector),
        )
    connection.execute("UPDATE documents SET chunks_staged = 1 WHERE seq = ?", (document,))
    return embedded, reused


def unembedded(
    connection: sqlite3.Connection, document: int, name: str, limit: int
) -> Iterator[tuple[int, str]]:
    found = connection.execute(
        "SELECT ordinal, section, text FROM staged_chunks WHERE document = ? AND vector IS NULL"
        " ORDER BY ordinal LIMIT ?",
        (document, limit),
    )
    for ordinal, section, text in found:
        yield ordinal, embedded_text(name, json.loads(section), text)


def put_vectors(
    connection: sqlite3.Connection, document: int, ordinals: Sequence[int], vectors: NDArray[np.float32]
) -> int:
    """Returns how many of the document's staged chunks have a vector now."""
    connection.executemany(
        "UPDATE staged_chunks SET vector = ? WHERE document = ? AND ordinal = ?",
        (
            (vector.tobytes(), document, ordinal)
            for ordinal, vector in zip(ordinals, vectors.astype(np.float16), strict=True)
        ),
    )
    counted = connection.execute(
        "SELECT count(vector) FROM staged_chunks WHERE document = ?", (document,)
    ).fetchone()
    return int(counted[0])


def staged(connection: sqlite3.Connection, document: int, name: str, dimensions: int) -> Staged | None:
    """What would be published, or None while a vector is missing."""
    found = connection.execute(
        "SELECT section, text, digest, vector FROM staged_chunks WHERE document = ? ORDER BY ordinal",
        (document,),
    ).fetchall()
    if any(row["vector"] is None for row in found):
        return None
    parts = [(name, json.loads(row["section"]), row["text"]) for row in found]
    vectors = b"".join(row["vector"] for row in found)
    return Staged(
        texts=[embedded_text(*part) for part in parts],
        terms=[indexed_terms(*part) for part in parts],
        digests=[row["digest"] for row in found],
        vectors=np.frombuffer(vectors, np.float16).reshape(len(found), dimensions),
    )


def is_staged(connection: sqlite3.Connection, document: int, staged: Staged) -> bool:
    """Whether these are the staged chunks still."""
    found = connection.execute(
        "SELECT digest FROM staged_chunks WHERE document = ? ORDER BY ordinal", (document,)
    )
    return [digest for (digest,) in found] == staged.digests


def move(connection: sqlite3.Connection, document: int, first: int, kinds: Sequence[int]) -> None:
    """Make the staged pages and chunks the served ones; chunk ids count from `first`."""
    connection.execute("INSERT INTO pages SELECT * FROM staged_pages WHERE document = ?", (document,))
    connection.execute(
        f"INSERT INTO chunks SELECT ? + ordinal, document, {_FIELDS} FROM staged_chunks"  # noqa: S608
        " WHERE document = ? ORDER BY ordinal",
        (first, document),
    )
    connection.executemany(
        "INSERT INTO vectors SELECT ? + ordinal, digest, ?, vector FROM staged_chunks"
        " WHERE document = ? AND ordinal = ?",
        ((first, kind, document, ordinal) for ordinal, kind in enumerate(kinds)),
    )
    discard(connection, document)


def discard(connection: sqlite3.Connection, document: int) -> None:
    connection.execute("DELETE FROM staged_pages WHERE document = ?", (document,))
    connection.execute("DELETE FROM staged_chunks WHERE document = ?", (document,))
    connection.execute("UPDATE documents SET pages_staged = 0, chunks_staged = 0 WHERE seq = ?", (document,))


def _known_vectors(
    connection: sqlite3.Connection, document: int, fingerprint: str
) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    staged = connection.execute(
        "SELECT digest, vector FROM staged_chunks WHERE document = ? AND vector IS NOT NULL", (document,)
    )
    served = connection.execute(
        "SELECT digest, vector FROM documents JOIN vectors"
        " ON chunk >= first_chunk AND chunk < first_chunk + chunks WHERE seq = ? AND fingerprint = ?",
        (document, fingerprint),
    )
    return dict(staged.fetchall()), dict(served.fetchall())


def digest(text: str) -> bytes:
    """What texts to embed are known by."""
    return hashlib.sha256(text.encode()).digest()[:16]
