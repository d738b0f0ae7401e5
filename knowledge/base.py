"""A knowledge base: one folder of documents that can be searched."""

import json
import os
import re
import secrets
import shutil
import sqlite3
import time
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from knowledge import lexical, postings, rows, staging
from knowledge.database import Database
from knowledge.documents import Chunk, Document, DocumentStatus, Page, Progress, Receipt, SearchResult
from knowledge.embeddings import Embedder
from knowledge.errors import DocumentNotFound, NotEmbedded, PageNotFound, Superseded
from knowledge.search import Snapshot, find
from knowledge.vectors import VectorIndex

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255  # characters
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SAVED_AT_ONCE = 50_000  # vectors: the cache of a larger index is written when the base is closed
_IN_WORK = f"status IN ({', '.join(repr(str(status)) for status in rows.IN_WORK)})"


class KnowledgeBase:
    """Documents, their pages, chunks, postings and vectors.

    `base.sqlite` is the truth and changes in whole transactions; `index.faiss` is a cache of its vectors;
    `files/` holds the originals, named by document id and content hash. Any thread may call anything.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self.embedder = embedder
        self._files = folder / "files"
        self._cache = folder / "index.faiss"
        self._files.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "base.sqlite")
        self._index = VectorIndex(embedder.dimensions)
        self._saved = -1  # the generation that the cache file is known to hold

    @classmethod
    def open(cls, folder: Path, *, embedder: Embedder) -> Self:
        """Open the knowledge base in a folder, or make one; puts right what a crash left behind."""
        base = cls(folder, embedder)
        try:
            base._follow_embedder()
            base._follow_terms()
            base._sweep_files()
            base._refresh()
            base._erase_if_due()
        except BaseException:
            base._database.close()
            raise
        return base

    def close(self) -> None:
        self._save_cache()
        self._database.close()

    # Documents

    def accept(self, upload: Path, *, name: str, media_type: str, sha256: str, size: int) -> Document:
        """Take a file in; `upload` is moved away. A known name updates that document in place.

        The served content goes on serving until the new one is published. Content that is served already
        changes nothing; content that failed is tried again.
        """
        if not _SHA256.fullmatch(sha256):
            raise ValueError("sha256 must be 64 lower-case hex digits")
        with self._database.writing() as connection:
            document_id = self._admit(connection, label(name), media_type, sha256, size)
            target = self._file(document_id, sha256)
            shutil.move(upload, target)
            _sync(target, self._files)
        self._sweep_document(document_id)
        self._erase_if_due()
        return self.document(document_id)

    def documents(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        before: str | None = None,
        order: Literal["asc", "desc"] = "asc",
    ) -> list[Document]:
        """A page of the list, by time of the first upload; `after` and `before` are ids of documents."""
        with self._database.reading() as connection:
            forward = (order == "asc") != (before is not None and after is None)
            conditions, values = ["1"], list[int]()
            for mark, ahead in ((after, order == "asc"), (before, order == "desc")):
                if mark is not None:
                    conditions.append(f"seq {'>' if ahead else '<'} ?")
                    values.append(_row(connection, mark)["seq"])
            found = connection.execute(
                f"{rows.DOCUMENT} WHERE {' AND '.join(conditions)}"
                f" ORDER BY seq {'ASC' if forward else 'DESC'} LIMIT ?",
                (*values, limit),
            ).fetchall()
        listed = [rows.document(row) for row in found]
        return listed if forward == (order == "asc") else listed[::-1]

    def document(self, document_id: str) -> Document:
        with self._database.reading() as connection:
            return rows.document(_row(connection, document_id))

    def count(self) -> int:
        """How many documents the base holds, in whatever state."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])

    def unfinished(self) -> list[Document]:
        """Documents with content in work, oldest upload first."""
        with self._database.reading() as connection:
            found = connection.execute(f"{rows.DOCUMENT} WHERE {_IN_WORK} ORDER BY updated_at, seq")
            return [rows.document(row) for row in found]

    def original(self, document_id: str, sha256: str | None = None) -> Path:
        """The file as it was uploaded.

        Without `sha256` the served content, or the latest upload before the first is served. With it that
        content, served or pending; raises Superseded when it is neither.
        """
        with self._database.reading() as connection:
            row = _row(connection, document_id)
        known = [each for each in (row["sha256"], row["upload_sha256"]) if each]
        if sha256 is not None and sha256 not in known:
            raise Superseded(document_id)
        return self._file(document_id, sha256 or known[0])

    def page(self, document_id: str, number: int) -> Page:
        with self._database.reading() as connection:
            seq = _row(connection, document_id)["seq"]
            found = connection.execute(
                "SELECT number, label, text, blocks FROM pages WHERE document = ? AND number = ?",
                (seq, number),
            ).fetchone()
        if found is None:
            raise PageNotFound(f"{document_id} has no page {number}")
        return rows.page(found)

    def remove(self, document_id: str) -> Receipt:
        """Take a document out: when this returns no file in the folder holds its text."""
        with self._database.writing() as connection:
            row = _row(connection, document_id)
            receipt_pages = row["pages"]
            self._take_out(connection, row)
            staging.discard(connection, row["seq"])
            connection.execute("DELETE FROM documents WHERE seq = ?", (row["seq"],))
            self._commit(connection, gone=row, erasing=True)
        files = self._sweep_document(document_id)
        self._erase()
        return Receipt(
            document_id=document_id,
            name=row["name"],
            pages=receipt_pages,
            chunks=row["chunks"],
            vectors=row["chunks"],
            files=files,
        )

    # Work of the pipeline: each one transaction, each repeatable

    def report(self, document_id: str, sha256: str, status: DocumentStatus, progress: Progress) -> None:
        """Tell how far the reading is. Chunks are counted by the staging calls, not told."""
        with self._pending(document_id, sha256) as (connection, row):
            connection.execute(
                "UPDATE documents SET status = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (status, progress.pages_read, progress.pages_total, time.time(), row["seq"]),
            )

    def stage_pages(
        self, document_id: str, sha256: str, pages: Sequence[Page], warnings: Sequence[str]
    ) -> None:
        with self._pending(document_id, sha256) as (connection, row):
            staging.put_pages(connection, row["seq"], pages)
            connection.execute(
                "UPDATE documents SET upload_warnings = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (json.dumps(list(warnings)), len(pages), len(pages), time.time(), row["seq"]),
            )

    def staged_pages(self, document_id: str, sha256: str) -> list[Page] | None:
        """The pages staged before, None when there are none yet."""
        with self._database.reading() as connection:
            row = _pending_row(connection, document_id, sha256)
            return staging.pages(connection, row["seq"]) if row["pages_staged"] else None

    def stage_chunks(self, document_id: str, sha256: str, chunks: Sequence[Chunk]) -> None:
        """Replace the staged chunks. Text that was embedded before, here or in the served version, keeps its
        vector. Ordinals count from 0 without a gap."""
        if [chunk.ordinal for chunk in chunks] != list(range(len(chunks))):
            raise ValueError("the ordinals of chunks must count from 0")
        with self._pending(document_id, sha256) as (connection, row):
            embedded, reused = staging.put_chunks(
                connection, row["seq"], row["name"], chunks, self.embedder.fingerprint
            )
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, chunks_total = ?, chunks_reused = ?,"
                " updated_at = ? WHERE seq = ?",
                (embedded, len(chunks), reused, time.time(), row["seq"]),
            )

    def unembedded(self, document_id: str, sha256: str, limit: int) -> list[tuple[int, str]]:
        """Ordinal and text to embed of the first `limit` staged chunks that have no vector."""
        with self._database.reading() as connection:
            row = _pending_row(connection, document_id, sha256)
            return list(staging.unembedded(connection, row["seq"], row["name"], limit))

    def stage_vectors(
        self, document_id: str, sha256: str, ordinals: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        if vectors.shape != (len(ordinals), self.embedder.dimensions):
            raise ValueError(f"expected {len(ordinals)} vectors of {self.embedder.dimensions} dimensions")
        with self._pending(document_id, sha256) as (connection, row):
            embedded = staging.put_vectors(connection, row["seq"], ordinals, vectors)
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, updated_at = ? WHERE seq = ?",
                (embedded, time.time(), row["seq"]),
            )

    def publish(self, document_id: str, sha256: str) -> Document:
        """Swap the staged content in. Raises NotEmbedded while a chunk has no vector."""
        with self._database.reading() as connection:
            row = _pending_row(connection, document_id, sha256)
            staged = staging.staged(connection, row["seq"], row["name"], self.embedder.dimensions)
        if staged is None or not row["chunks_staged"]:
            raise NotEmbedded
        terms = [lexical.terms(text) for text in staged.texts]  # the slow part, before the transaction
        with self._pending(document_id, sha256) as (connection, row):
            self._take_out(connection, row)
            first = _free_range(connection, len(terms))
            staging.move(connection, row["seq"], first)
            postings.add(connection, first, terms)
            self._mark_served(connection, row, first, len(terms))
            updated = row["sha256"] is not None
            self._commit(connection, gone=row, first=first, vectors=staged.vectors, erasing=updated)
        self._sweep_document(document_id)
        self._erase_if_due()
        return self.document(document_id)

    def fail(self, document_id: str, sha256: str, error: str) -> None:
        """Give the pending content up; what was served before goes on serving."""
        with self._pending(document_id, sha256) as (connection, row):
            staging.discard(connection, row["seq"])
            connection.execute(
                "UPDATE documents SET status = ?, error = ?, updated_at = ? WHERE seq = ?",
                (DocumentStatus.FAILED, error, time.time(), row["seq"]),
            )
        self._erase_if_due()

    # Search

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The base as it is now, for one search: rows and vectors of the same generation."""
        while True:
            with self._index.reading(), self._database.reading() as connection:
                state = connection.execute("SELECT generation, chunks, tokens FROM state").fetchone()
                if state["generation"] == self._index.generation:
                    yield Snapshot(
                        connection=connection,
                        index=self._index,
                        embedder=self.embedder,
                        chunks=state["chunks"],
                        tokens=state["tokens"],
                    )
                    return
            self._refresh()  # another process changed the base

    # Inside

    def _admit(
        self, connection: sqlite3.Connection, name: str, media_type: str, sha256: str, size: int
    ) -> str:
        now = time.time()
        row = connection.execute(f"{rows.DOCUMENT} WHERE name = ?", (name,)).fetchone()
        if row is None:
            document_id = f"doc_{secrets.token_hex(12)}"
            connection.execute(
                "INSERT INTO documents (id, name, status, created_at, updated_at,"
                " upload_sha256, upload_media_type, upload_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (document_id, name, DocumentStatus.QUEUED, now, now, sha256, media_type, size),
            )
            return document_id
        in_work = row["status"] in rows.IN_WORK
        if sha256 == row["upload_sha256"] and in_work:
            return str(row["id"])
        staging.discard(connection, row["seq"])
        if sha256 == row["sha256"]:  # served already: whatever else was in work is given up
            connection.execute(
                "UPDATE documents SET status = ?, error = NULL, upload_sha256 = NULL,"
                " upload_media_type = NULL, upload_size = NULL WHERE seq = ?",
                (DocumentStatus.READY, row["seq"]),
            )
        else:
            connection.execute(
                "UPDATE documents SET status = ?, error = NULL, upload_sha256 = ?, upload_media_type = ?,"
                " upload_size = ?, upload_warnings = '[]', pages_read = 0, pages_total = NULL,"
                " chunks_embedded = 0, chunks_total = NULL, chunks_reused = 0, updated_at = ? WHERE seq = ?",
                (DocumentStatus.QUEUED, sha256, media_type, size, now, row["seq"]),
            )
        connection.execute("UPDATE state SET erasing = 1")
        return str(row["id"])

    @contextmanager
    def _pending(self, document_id: str, sha256: str) -> Iterator[tuple[sqlite3.Connection, sqlite3.Row]]:
        with self._database.writing() as connection:
            yield connection, _pending_row(connection, document_id, sha256)

    def _take_out(self, connection: sqlite3.Connection, row: sqlite3.Row) -> None:
        """Delete the served pages, chunks, postings and vectors of a document."""
        connection.execute("DELETE FROM pages WHERE document = ?", (row["seq"],))
        if not row["chunks"]:
            return
        span = (row["first_chunk"], row["first_chunk"] + row["chunks"])
        postings.remove(connection, span[0], _terms(connection, row["name"], span))
        connection.execute("DELETE FROM vectors WHERE chunk >= ? AND chunk < ?", span)
        connection.execute("DELETE FROM chunks WHERE id >= ? AND id < ?", span)
        connection.execute("UPDATE documents SET first_chunk = NULL, chunks = 0 WHERE seq = ?", (row["seq"],))

    def _mark_served(self, connection: sqlite3.Connection, row: sqlite3.Row, first: int, chunks: int) -> None:
        connection.execute(
            "UPDATE documents SET status = ?, error = NULL, sha256 = upload_sha256,"
            " media_type = upload_media_type, size = upload_size, warnings = upload_warnings,"
            " upload_sha256 = NULL, upload_media_type = NULL, upload_size = NULL, upload_warnings = '[]',"
            " fingerprint = ?, first_chunk = ?, chunks = ?, updated_at = ?,"
            " pages = (SELECT count(*) FROM pages WHERE document = seq) WHERE seq = ?",
            (DocumentStatus.READY, self.embedder.fingerprint, first, chunks, time.time(), row["seq"]),
        )

    def _commit(
        self,
        connection: sqlite3.Connection,
        *,
        gone: sqlite3.Row,
        first: int = 0,
        vectors: NDArray[np.float16] | None = None,
        erasing: bool,
    ) -> None:
        """End the transaction and bring the index along, so that no search sees one without the other."""
        (generation,) = connection.execute(
            "UPDATE state SET generation = generation + 1, erasing = max(erasing, ?) RETURNING generation",
            (erasing,),
        ).fetchone()
        span = (gone["first_chunk"], gone["first_chunk"] + gone["chunks"]) if gone["chunks"] else None
        added = np.empty((0, self.embedder.dimensions), np.float16) if vectors is None else vectors
        with self._index.changing():
            follows = self._index.generation == generation - 1
            connection.execute("COMMIT")
            if follows:
                self._index.replace(span, first, added.astype(np.float32), generation)

    def _refresh(self) -> None:
        """Bring the index to the generation of the database: from the cache, else from the vectors."""
        with self._index.changing(), self._database.reading() as connection:
            state = connection.execute("SELECT * FROM state").fetchone()
            generation = state["generation"]
            if generation == self._index.generation:
                return
            if state["cache_generation"] == generation and self._index.load(
                self._cache, state["cache_sha256"], generation
            ):
                self._saved = generation
                return
            found = connection.execute("SELECT chunk, vector FROM vectors").fetchall()
            ids = np.array([chunk for chunk, _ in found], np.int64)
            vectors = np.frombuffer(b"".join(vector for _, vector in found), np.float16)
            self._index.fill(
                ids, vectors.reshape(len(ids), self.embedder.dimensions).astype(np.float32), generation
            )

    def _save_cache(self) -> None:
        with self._database.writing() as connection, self._index.reading():
            (generation,) = connection.execute("SELECT generation FROM state").fetchone()
            if generation != self._index.generation or generation == self._saved:
                return
            sha256 = self._index.save(self._cache)
            connection.execute(
                "UPDATE state SET cache_generation = ?, cache_sha256 = ?", (generation, sha256)
            )
            self._saved = generation

    def _erase_if_due(self) -> None:
        """Between uploads: while documents are in work it would be done again and again."""
        with self._database.reading() as connection:
            (erasing,) = connection.execute("SELECT erasing FROM state").fetchone()
            (in_work,) = connection.execute(
                f"SELECT EXISTS (SELECT 1 FROM documents WHERE {_IN_WORK})"  # noqa: S608
            ).fetchone()
        if in_work:
            return
        if erasing:
            self._erase()
        elif len(self._index) < _SAVED_AT_ONCE:
            self._save_cache()

    def _erase(self) -> None:
        """Leave no trace of removed text or vectors in any file."""
        self._cache.unlink(missing_ok=True)
        self._saved = -1
        self._database.erase_traces()
        with self._database.writing() as connection:
            connection.execute("UPDATE state SET erasing = 0")
        if len(self._index) < _SAVED_AT_ONCE:
            self._save_cache()

    def _file(self, document_id: str, sha256: str) -> Path:
        return self._files / f"{document_id}-{sha256}"

    def _sweep_document(self, document_id: str) -> int:
        """Unlink the originals of a document that no row names. Returns how many."""
        return self._unlink_unnamed(f"{document_id}-*")

    def _sweep_files(self) -> None:
        self._cache.with_suffix(".new").unlink(missing_ok=True)
        self._unlink_unnamed("*")

    def _unlink_unnamed(self, pattern: str) -> int:
        with self._database.writing() as connection:  # so that no upload is between its file and its row
            found = connection.execute("SELECT id, sha256, upload_sha256 FROM documents")
            named = {self._file(row["id"], sha256) for row in found for sha256 in row[1:] if sha256}
            unnamed = [path for path in self._files.glob(pattern) if path not in named]
            for path in unnamed:
                path.unlink(missing_ok=True)
        return len(unnamed)

    def _follow_embedder(self) -> None:
        """With another embedder every document is queued again, and its old vectors are forgotten.

        Until its turn comes a document is found by its words.
        """
        with self._database.writing() as connection:
            fingerprint = self.embedder.fingerprint
            (known,) = connection.execute("SELECT fingerprint FROM state").fetchone()
            if known == fingerprint:
                return
            connection.execute(
                "UPDATE state SET fingerprint = ?, generation = generation + 1", (fingerprint,)
            )
            connection.execute("DELETE FROM vectors")
            connection.execute("DELETE FROM staged_chunks")
            connection.execute("UPDATE documents SET chunks_staged = 0")
            connection.execute(
                "UPDATE documents SET status = ?, upload_sha256 = sha256, upload_media_type = media_type,"
                " upload_size = size, chunks_embedded = 0, chunks_total = NULL, chunks_reused = 0"
                " WHERE status = ? AND fingerprint != ?",
                (DocumentStatus.QUEUED, DocumentStatus.READY, fingerprint),
            )

    def _follow_terms(self) -> None:
        """Make the postings again when this version of Doumi splits text into other terms."""
        with self._database.writing() as connection:
            (version,) = connection.execute("SELECT terms_version FROM state").fetchone()
            if version == lexical.TERMS_VERSION:
                return
            postings.clear(connection)
            for row in connection.execute(f"{rows.DOCUMENT} WHERE chunks > 0").fetchall():
                span = (row["first_chunk"], row["first_chunk"] + row["chunks"])
                postings.add(connection, span[0], _terms(connection, row["name"], span))
            connection.execute("UPDATE state SET terms_version = ?", (lexical.TERMS_VERSION,))


def search(
    bases: Sequence[KnowledgeBase],
    query: str,
    *,
    k: int = 8,
    floor: float | None = None,
    document_ids: Collection[str] | None = None,
) -> SearchResult:
    """The passages of some knowledge bases that bear on a query, best first.

    `floor` is the relevance below which a passage is left out: None for the default, 0.0 for none.
    `document_ids` limits the search itself, so that k passages come from these documents if they have them.
    """
    return find(bases, query, k=k, floor=floor, document_ids=document_ids)


def label(name: str) -> str:
    """The name a document is shown under: no path, no control characters, NFC, at most 255 characters."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFC", name))
    plain = re.split(r"[/\\]", plain)[-1].strip()
    if plain in ("", ".", ".."):
        return "document"
    if len(plain) <= _LONGEST_NAME:
        return plain
    stem, dot, extension = plain.rpartition(".")
    return (
        plain[:_LONGEST_NAME]
        if len(extension) > 16
        else f"{stem[: _LONGEST_NAME - len(extension) - 1]}{dot}{extension}"
    )


def _row(connection: sqlite3.Connection, document_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(f"{rows.DOCUMENT} WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        raise DocumentNotFound(document_id)
    return row


def _pending_row(connection: sqlite3.Connection, document_id: str, sha256: str) -> sqlite3.Row:
    row = _row(connection, document_id)
    if row["status"] not in rows.IN_WORK or row["upload_sha256"] != sha256:
        raise Superseded(document_id)
    return row


def _terms(connection: sqlite3.Connection, name: str, span: tuple[int, int]) -> list[list[str]]:
    found = connection.execute("SELECT section, text FROM chunks WHERE id >= ? AND id < ? ORDER BY id", span)
    texts = (staging.searchable(name, json.loads(section), text) for section, text in found)
    return [lexical.terms(text) for text in texts]


def _free_range(connection: sqlite3.Connection, count: int) -> int:
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


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
