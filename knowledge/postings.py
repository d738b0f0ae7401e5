"""Which chunks a term is in: an inverted index in the tables of the knowledge base.

Not FTS5: it scores an OR of a question's frequent words row by row, and its deletions leave tombstones.
Here a term has one row per block of chunk ids, its entries packed for NumPy. A document's chunks have
consecutive ids, so that a change touches few blocks, however large the base is.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 13  # chunk ids per block; at most 65,536, since an entry holds the offset in 16 bits

_ENTRY = np.dtype([("offset", "<u2"), ("frequency", "u1")])
_LENGTH = np.dtype("<u2")


class Posting:
    """The chunks that a term is in; what is asked for is read when it is asked for."""

    def __init__(self, connection: sqlite3.Connection, term: str, sizes: Mapping[int, int]) -> None:
        self._connection = connection
        self._term = term
        self._sizes = sizes  # bytes of each block

    def __len__(self) -> int:
        return sum(self._sizes.values()) // _ENTRY.itemsize

    @cached_property
    def chunks(self) -> NDArray[np.int64]:
        """Ids, in no order."""
        chunks = self._entries["offset"].astype(np.int64)
        if any(self._sizes):  # any block but the first
            counts = [size // _ENTRY.itemsize for size in self._sizes.values()]
            chunks += np.repeat(np.array(list(self._sizes), np.int64) * BLOCK, counts)
        return chunks

    @cached_property
    def frequencies(self) -> NDArray[np.float32]:
        """How often the term is in each of `chunks`."""
        return self._entries["frequency"].astype(np.float32)

    def frequencies_of(self, chunks: NDArray[np.int64]) -> NDArray[np.float32]:
        """How often the term is in each of these chunks, ascending by id: only their blocks are read."""
        found = np.zeros(len(chunks), np.float32)
        borders = np.flatnonzero(np.diff(chunks // BLOCK)) + 1
        for start, stop in pairwise((0, *borders.tolist(), len(chunks)) if len(chunks) else ()):
            block = int(chunks[start]) // BLOCK
            if block in self._sizes:
                entries = np.frombuffer(self._block(block), _ENTRY)
                frequencies = np.zeros(BLOCK, np.uint8)
                frequencies[entries["offset"]] = entries["frequency"]
                found[start:stop] = frequencies[chunks[start:stop] - block * BLOCK]
        return found

    @cached_property
    def _entries(self) -> NDArray[Any]:
        rows = self._connection.execute(
            "SELECT entries FROM postings WHERE term = ? ORDER BY block", (self._term,)
        )
        return np.frombuffer(b"".join(row[0] for row in rows), _ENTRY)

    def _block(self, block: int) -> bytes:
        row = self._connection.execute(
            "SELECT entries FROM postings WHERE term = ? AND block = ?", (self._term, block)
        ).fetchone()
        return bytes(row[0])


def add(connection: sqlite3.Connection, first: int, chunks: Sequence[Sequence[str]]) -> None:
    """Index the terms of chunks whose ids are `first`, `first + 1`, ..."""
    entries: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for chunk, terms in enumerate(chunks, first):
        block, offset = divmod(chunk, BLOCK)
        for term, frequency in Counter(terms).items():
            entries.setdefault((term, block), []).append((offset, min(frequency, 255)))
    connection.executemany(
        "INSERT INTO postings VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET entries = CAST(entries || excluded.entries AS BLOB)",
        ((*key, np.array(found, _ENTRY).tobytes()) for key, found in sorted(entries.items())),
    )
    _set_lengths(connection, {first + i: len(terms) for i, terms in enumerate(chunks)})
    _count(connection, len(chunks), sum(map(len, chunks)))


def remove(connection: sqlite3.Connection, first: int, chunks: Sequence[Sequence[str]]) -> None:
    """Undo `add` with the same arguments."""
    stop = first + len(chunks)
    for block in range(first // BLOCK, (stop - 1) // BLOCK + 1):
        low, high = first - block * BLOCK, stop - block * BLOCK
        within = chunks[max(block * BLOCK - first, 0) : max((block + 1) * BLOCK - first, 0)]
        for term in sorted({term for terms in within for term in terms}):
            _remove_entries(connection, block, term, low, high)
    _set_lengths(connection, dict.fromkeys(range(first, stop), 0))
    _count(connection, -len(chunks), -sum(map(len, chunks)))


def clear(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM postings")
    connection.execute("DELETE FROM lengths")
    connection.execute("UPDATE state SET chunks = 0, tokens = 0")


def lookup(connection: sqlite3.Connection, terms: Iterable[str]) -> dict[str, Posting]:
    """The postings of the terms that occur at all; they are good for the connection's transaction."""
    found: dict[str, Posting] = {}
    for term in terms:
        rows = connection.execute(
            "SELECT block, length(entries) FROM postings WHERE term = ? ORDER BY block", (term,)
        )
        if sizes := dict(rows.fetchall()):
            found[term] = Posting(connection, term, sizes)
    return found


def lengths(connection: sqlite3.Connection) -> NDArray[np.float32]:
    """The number of terms of every chunk, by chunk id; 0 where there is no chunk."""
    rows = dict(connection.execute("SELECT block, terms FROM lengths"))
    blocks = [rows.get(block, bytes(BLOCK * 2)) for block in range(max(rows, default=-1) + 1)]
    return np.frombuffer(b"".join(blocks), _LENGTH).astype(np.float32)


def _remove_entries(connection: sqlite3.Connection, block: int, term: str, low: int, high: int) -> None:
    key = (term, block)
    row = connection.execute("SELECT entries FROM postings WHERE term = ? AND block = ?", key).fetchone()
    entries = np.frombuffer(row[0], _ENTRY)
    offsets = entries["offset"].astype(np.int64)
    kept = entries[(offsets < low) | (offsets >= high)]
    if len(kept):
        connection.execute(
            "UPDATE postings SET entries = ? WHERE term = ? AND block = ?", (kept.tobytes(), *key)
        )
    else:
        connection.execute("DELETE FROM postings WHERE term = ? AND block = ?", key)


def _set_lengths(connection: sqlite3.Connection, counts: Mapping[int, int]) -> None:
    blocks: dict[int, NDArray[np.uint16]] = {}
    for chunk, count in counts.items():
        block, offset = divmod(chunk, BLOCK)
        if block not in blocks:
            row = connection.execute("SELECT terms FROM lengths WHERE block = ?", (block,)).fetchone()
            blocks[block] = np.frombuffer(row[0] if row else bytes(BLOCK * 2), _LENGTH).copy()
        blocks[block][offset] = min(count, 65535)
    connection.executemany(
        "INSERT INTO lengths VALUES (?, ?) ON CONFLICT DO UPDATE SET terms = excluded.terms",
        ((block, terms.tobytes()) for block, terms in blocks.items()),
    )


def _count(connection: sqlite3.Connection, chunks: int, tokens: int) -> None:
    connection.execute("UPDATE state SET chunks = chunks + ?, tokens = tokens + ?", (chunks, tokens))
