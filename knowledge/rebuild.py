"""A base made anew beside the one that serves: with another embedder, or chunks of another size.

The new chunks of every served document are cut from its pages and embedded into `next_chunks`, each batch a
transaction, while searches and uploads go on with the old ones. When all are there, one transaction swaps
them in. A run that is cut off anywhere goes on where it stopped; a document that changes meanwhile is made
again; and no search ever sees both.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge import familiarity, postings, rows, staging
from knowledge.database import Database
from knowledge.documents import Chunk, Page
from knowledge.embeddings import Embedder
from knowledge.errors import Superseded
from knowledge.index import Index
from knowledge.recipe import Making, Recipe
from knowledge.searchable import embedded_text, indexed_terms

_FIELDS = "page, locator, section, start, stop, text"
_POSTED_AT_ONCE = 4096  # chunks
_SAMPLED = 256  # chunks that the embedder is tried on, as the background of each other
_ASKED_PARTS = 32  # of those, each asked for by some of its sentences
_DONE = (
    "next_sha256 IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM next_chunks WHERE document = seq AND vector IS NULL)"
)


@dataclass(frozen=True, kw_only=True)
class Rebuilding:
    """How far it is, in documents."""

    embedder: str
    done: int
    total: int
    error: str | None = None  # why it does not go on


@dataclass(frozen=True, kw_only=True)
class Uncut:
    """A served document without chunks of the new recipe."""

    seq: int
    sha256: str
    name: str
    pages: list[Page]


@dataclass(frozen=True, kw_only=True)
class Unembedded:
    """A chunk without a vector of the new recipe."""

    document: int
    ordinal: int
    digest: bytes
    text: str  # to embed


def aim(connection: sqlite3.Connection, wanted: Recipe) -> None:
    """Make `wanted` the recipe that the base is on its way to; what was made with another one is dropped."""
    state = connection.execute("SELECT recipe, next_recipe FROM state").fetchone()
    if Recipe.read(state["recipe"]).makes_the_same(wanted):
        forget(connection)
        connection.execute("UPDATE state SET recipe = ?, next_recipe = NULL", (wanted.text(),))
    elif state["next_recipe"] is None or not Recipe.read(state["next_recipe"]).makes_the_same(wanted):
        forget(connection)
        connection.execute("UPDATE state SET next_recipe = ?", (wanted.text(),))


def forget(connection: sqlite3.Connection, document: int | None = None) -> None:
    """Drop the new chunks, of all documents or of one whose content or name changes."""
    condition, values = ("1", ()) if document is None else ("document = ?", (document,))
    connection.execute(f"DELETE FROM next_chunks WHERE {condition}", values)  # noqa: S608
    condition = condition.replace("document", "seq")
    connection.execute(
        f"UPDATE documents SET next_sha256 = NULL WHERE {condition}",  # noqa: S608
        values,
    )


def progress(connection: sqlite3.Connection) -> Rebuilding | None:
    """None when nothing is being made anew."""
    (recipe,) = connection.execute("SELECT next_recipe FROM state").fetchone()
    if recipe is None:
        return None
    done, total = connection.execute(
        f"SELECT count(*) FILTER (WHERE {_DONE}), count(*) FROM documents WHERE chunks > 0"  # noqa: S608
    ).fetchone()
    return Rebuilding(embedder=Recipe.read(recipe).embedder, done=done, total=total)


class Rebuild:
    """The work on one new recipe. Each step is one transaction; raises Superseded when another is wanted."""

    def __init__(self, database: Database, index: Index, making: Making) -> None:
        self._database = database
        self._index = index
        self.recipe = making.recipe
        self.embedder: Embedder = making.embedder

    def uncut(self) -> Uncut | None:
        """A document to be cut; None when there is none left."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT seq, sha256, name FROM documents"
                " WHERE chunks > 0 AND next_sha256 IS NULL ORDER BY seq LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            found = connection.execute(
                "SELECT number, label, text, blocks FROM pages WHERE document = ? ORDER BY number",
                (row["seq"],),
            )
            return Uncut(
                seq=row["seq"],
                sha256=row["sha256"],
                name=row["name"],
                pages=[rows.page(each) for each in found],
            )

    def stage(self, uncut: Uncut, chunks: Sequence[Chunk]) -> None:
        """Keep the new chunks of a document, unless it changed. Text that has a vector already keeps it."""
        texts = [embedded_text(uncut.name, chunk.section, chunk.text) for chunk in chunks]
        kinds = familiarity.kinds(self.embedder, texts).tolist() if texts else []
        with self._working() as connection:
            row = connection.execute(
                "SELECT sha256, name, fingerprint, first_chunk, chunks FROM documents WHERE seq = ?",
                (uncut.seq,),
            ).fetchone()
            if row is None or (row["sha256"], row["name"]) != (uncut.sha256, uncut.name):
                return
            known = self._known(connection, row)
            connection.execute("DELETE FROM next_chunks WHERE document = ?", (uncut.seq,))
            for chunk, text, kind in zip(chunks, texts, kinds, strict=True):
                digest = staging.digest(text)
                connection.execute(
                    "INSERT INTO next_chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (uncut.seq, chunk.ordinal, *rows.chunk_values(chunk), digest, kind, known.get(digest)),
                )
            connection.execute(
                "UPDATE documents SET next_sha256 = ? WHERE seq = ?", (uncut.sha256, uncut.seq)
            )

    def unembedded(self, limit: int) -> list[Unembedded]:
        """The first chunks that have no vector."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT document, ordinal, digest, name, section, text FROM next_chunks"
                " JOIN documents ON seq = document WHERE vector IS NULL ORDER BY document, ordinal LIMIT ?",
                (limit,),
            )
            return [
                Unembedded(
                    document=row["document"],
                    ordinal=row["ordinal"],
                    digest=row["digest"],
                    text=embedded_text(row["name"], rows.section(row["section"]), row["text"]),
                )
                for row in found
            ]

    def stage_vectors(self, chunks: Sequence[Unembedded], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors of chunks that are still those."""
        if vectors.shape != (len(chunks), self.embedder.dimensions):
            raise ValueError(f"expected {len(chunks)} vectors of {self.embedder.dimensions} dimensions")
        with self._working() as connection:
            connection.executemany(
                "UPDATE next_chunks SET vector = ? WHERE document = ? AND ordinal = ? AND digest = ?",
                [
                    (vector.tobytes(), chunk.document, chunk.ordinal, chunk.digest)
                    for chunk, vector in zip(chunks, vectors.astype(np.float16), strict=True)
                ],
            )

    def swap(self) -> bool:
        """Serve the new chunks from now on; False when a document is not made yet."""
        observations = self._observe()  # the slow part comes before the transaction
        with self._working() as connection:
            documents = connection.execute(
                f"SELECT seq, name, {_DONE} AS done FROM documents WHERE chunks > 0 ORDER BY seq"  # noqa: S608
            ).fetchall()
            if not all(document["done"] for document in documents):
                return False
            for table in (
                "vectors",
                "chunks",
                "staged_chunks",
            ):  # what is on its way is cut and embedded again
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            connection.execute("UPDATE documents SET chunks_staged = 0, first_chunk = NULL, chunks = 0")
            postings.clear(connection)
            familiarity.forget(connection)
            vectors = self._move(connection, documents)
            familiarity.record(connection, observations)
            forget(connection)
            connection.execute(
                "UPDATE state SET recipe = next_recipe, next_recipe = NULL, fingerprint = ?",
                (self.recipe.fingerprint,),
            )
            self._index.swap(connection, self.embedder, vectors)
        return True

    @contextmanager
    def _working(self) -> Iterator[sqlite3.Connection]:
        with self._database.writing() as connection:
            (wanted,) = connection.execute("SELECT next_recipe FROM state").fetchone()
            if wanted != self.recipe.text():
                raise Superseded(self.recipe.embedder)
            yield connection

    def _known(self, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[bytes, bytes]:
        """Vectors by digest: those being served, when it is the same embedder that only cuts otherwise."""
        if row["fingerprint"] != self.recipe.fingerprint:
            return {}
        found = connection.execute(
            "SELECT digest, vector FROM vectors WHERE chunk >= ? AND chunk < ?",
            (row["first_chunk"], row["first_chunk"] + row["chunks"]),
        )
        return dict(found.fetchall())

    def _move(self, connection: sqlite3.Connection, documents: Sequence[sqlite3.Row]) -> NDArray[np.float16]:
        """Make the new chunks the served ones, ids counting from 0. Returns the vectors in that order."""
        first, posted = 0, 0
        terms: list[list[str]] = []
        vectors: list[bytes] = []
        for document in documents:
            found = connection.execute(
                "SELECT section, text, vector FROM next_chunks WHERE document = ? ORDER BY ordinal",
                (document["seq"],),
            ).fetchall()
            connection.execute(
                f"INSERT INTO chunks SELECT ? + ordinal, document, {_FIELDS} FROM next_chunks"  # noqa: S608
                " WHERE document = ? ORDER BY ordinal",
                (first, document["seq"]),
            )
            connection.execute(
                "INSERT INTO vectors SELECT ? + ordinal, digest, kind, vector FROM next_chunks"
                " WHERE document = ? ORDER BY ordinal",
                (first, document["seq"]),
            )
            connection.execute(
                "UPDATE documents SET first_chunk = ?, chunks = ?, fingerprint = ? WHERE seq = ?",
                (first, len(found), self.recipe.fingerprint, document["seq"]),
            )
            terms += [
                indexed_terms(document["name"], rows.section(row["section"]), row["text"]) for row in found
            ]
            vectors += [row["vector"] for row in found]
            first += len(found)
            if len(terms) >= _POSTED_AT_ONCE:
                postings.add(connection, posted, terms)
                posted, terms = first, []
        postings.add(connection, posted, terms)
        shape = (first, self.embedder.dimensions)
        return np.frombuffer(b"".join(vectors), np.float16).reshape(shape)

    def _observe(self) -> list[familiarity.Observation]:
        """How well the embedder knows the text of the base, asked of some of its documents."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT name, section, text, kind, vector FROM next_chunks JOIN documents ON seq = document"
                " WHERE vector IS NOT NULL AND (document, ordinal) IN"
                " (SELECT document, ordinal FROM next_chunks ORDER BY random() LIMIT ?)",
                (_SAMPLED,),
            ).fetchall()
        packed = np.frombuffer(b"".join(row["vector"] for row in found), np.float16)
        vectors = packed.reshape(len(found), self.embedder.dimensions).astype(np.float32)
        texts = [embedded_text(row["name"], rows.section(row["section"]), row["text"]) for row in found]
        kinds = np.array([row["kind"] for row in found], np.int64)
        samples = np.zeros(familiarity.KINDS, np.float64)
        observations: list[familiarity.Observation] = []
        for part in np.array_split(np.arange(len(found)), min(_ASKED_PARTS, max(len(found) // 8, 1))):
            rest = np.setdiff1d(np.arange(len(found)), part)
            asked = [texts[at] for at in part]
            new = familiarity.observe(
                self.embedder, asked, kinds[part], vectors[part], vectors[rest], samples
            )
            for each in new:
                samples[each.kind] += 1
            observations += new
        return observations
