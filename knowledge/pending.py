"""The content of a document on its way to being served, one step after the other."""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from knowledge import catalogue, familiarity, postings, rebuild, rows, staging
from knowledge.database import Database
from knowledge.documents import Chunk, Document, DocumentStatus, Page, Progress
from knowledge.embeddings import Embedder
from knowledge.errors import NotEmbedded, Remade, Superseded
from knowledge.index import Change, Index
from knowledge.originals import Originals
from knowledge.recipe import Recipe
from knowledge.traces import tidy


class Pending:
    """The work on one content. Each step is one transaction and repeatable.

    Each raises Superseded when another content is wanted by now.
    """

    def __init__(
        self, database: Database, index: Index, originals: Originals, content: tuple[str, str]
    ) -> None:
        self._database = database
        self._index = index
        self._originals = originals
        self._document_id, self._sha256 = content

    def report(self, status: DocumentStatus, progress: Progress) -> None:
        """Tell how far the reading is. Chunks are counted by the staging calls, not told."""
        with self._changing() as (connection, row):
            connection.execute(
                "UPDATE documents SET status = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (status, progress.pages_read, progress.pages_total, time.time(), row["seq"]),
            )

    def stage_pages(self, pages: Sequence[Page], warnings: Sequence[str]) -> None:
        with self._changing() as (connection, row):
            staging.put_pages(connection, row["seq"], pages)
            connection.execute(
                "UPDATE documents SET upload_warnings = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (json.dumps(list(warnings)), len(pages), len(pages), time.time(), row["seq"]),
            )

    def staged_pages(self) -> list[Page] | None:
        """The pages staged before, None when there are none yet."""
        with self._database.reading() as connection:
            row = self._row(connection)
            return staging.pages(connection, row["seq"]) if row["pages_staged"] else None

    def stage_chunks(self, chunks: Sequence[Chunk], recipe: Recipe | None = None) -> None:
        """Replace the staged chunks. Text that was embedded before, here or in the served version, keeps its
        vector. Ordinals count from 0 without a gap.

        `recipe` is what they were cut with. Raises Remade when the base is made with another one by now; so
        do the steps after this one, as soon as it is.
        """
        if [chunk.ordinal for chunk in chunks] != list(range(len(chunks))):
            raise ValueError("the ordinals of chunks must count from 0")
        with self._changing() as (connection, row):
            state = connection.execute("SELECT recipe, fingerprint FROM state").fetchone()
            if recipe and not recipe.makes_the_same(Recipe.read(state["recipe"])):
                raise Remade(self._document_id)
            embedded, reused = staging.put_chunks(
                connection, row["seq"], row["name"], chunks, state["fingerprint"]
            )
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, chunks_total = ?, chunks_reused = ?,"
                " updated_at = ? WHERE seq = ?",
                (embedded, len(chunks), reused, time.time(), row["seq"]),
            )

    def unembedded(self, limit: int) -> list[tuple[int, str]]:
        """Ordinal and text to embed of the first `limit` staged chunks that have no vector."""
        with self._database.reading() as connection:
            row = self._row(connection)
            return list(staging.unembedded(connection, row["seq"], row["name"], limit))

    def stage_vectors(self, ordinals: Sequence[int], vectors: NDArray[np.float32]) -> None:
        with self._changing() as (connection, row):
            if not row["chunks_staged"]:
                raise Remade(self._document_id)
            if vectors.shape != (len(ordinals), self._index.embedder.dimensions):
                raise ValueError(
                    f"expected {len(ordinals)} vectors of {self._index.embedder.dimensions} dimensions"
                )
            embedded = staging.put_vectors(connection, row["seq"], ordinals, vectors)
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, updated_at = ? WHERE seq = ?",
                (embedded, time.time(), row["seq"]),
            )

    def publish(self) -> Document:
        """Swap the staged content in. Raises NotEmbedded while a chunk has no vector."""
        embedder = self._index.embedder
        staged, known_samples = self._staged(embedder)
        # The slow part comes before the transaction.
        kinds = familiarity.kinds(embedder, staged.texts)
        vectors, others = staged.vectors.astype(np.float32), self._index.background()
        if embedder is not self._index.embedder:
            raise Remade(self._document_id)
        observations = familiarity.observe(embedder, staged.texts, kinds, vectors, others, known_samples)
        with self._changing() as (connection, row):
            if not row["chunks_staged"]:
                raise Remade(self._document_id)
            if not staging.is_staged(connection, row["seq"], staged):
                raise Superseded(self._document_id)  # staged anew meanwhile
            catalogue.take_out(connection, row)
            first = catalogue.free_range(connection, len(kinds))
            staging.move(connection, row["seq"], first, kinds.tolist())
            postings.add(connection, first, staged.terms)
            familiarity.record(connection, observations)
            rebuild.forget(connection, row["seq"])
            catalogue.mark_served(connection, row, embedder.fingerprint, first, len(kinds))
            if row["sha256"] is not None:
                connection.execute("UPDATE state SET erasing = 1")
            change = Change(gone=catalogue.span(row), first=first, vectors=staged.vectors)
            self._index.commit(connection, change)
        self._originals.sweep(self._document_id)
        tidy(self._database, self._index)
        with self._database.reading() as connection:
            return rows.document(catalogue.row(connection, self._document_id))

    def fail(self, error: str) -> None:
        """Give the pending content up; what was served before goes on serving."""
        with self._changing() as (connection, row):
            staging.discard(connection, row["seq"])
            connection.execute(
                "UPDATE documents SET status = ?, error = ?, updated_at = ? WHERE seq = ?",
                (DocumentStatus.FAILED, error, time.time(), row["seq"]),
            )
        tidy(self._database, self._index)

    def _row(self, connection: sqlite3.Connection) -> sqlite3.Row:
        return catalogue.pending_row(connection, self._document_id, self._sha256)

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, sqlite3.Row]]:
        with self._database.writing() as connection:
            yield connection, self._row(connection)

    def _staged(self, embedder: Embedder) -> tuple[staging.Staged, NDArray[np.float64]]:
        with self._database.reading() as connection:
            row = self._row(connection)
            staged = staging.staged(connection, row["seq"], row["name"], embedder.dimensions)
            samples = familiarity.samples(connection)
        if staged is None or not row["chunks_staged"]:
            raise NotEmbedded
        return staged, samples
