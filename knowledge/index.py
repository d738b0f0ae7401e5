"""What a search needs in memory: it follows the database, generation by generation."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge import familiarity, postings
from knowledge.database import Database
from knowledge.embeddings import Embedder
from knowledge.search import Background, Snapshot
from knowledge.vectors import Clusters, Range, VectorIndex

_SAVED_AT_ONCE = 50_000  # vectors: the cache of a larger index is written when the base is closed
_CLUSTERED_AT_ONCE = 20_000  # vectors: so that memory does not grow with the base
_BACKGROUND = 256  # chunks
_BACKGROUND_DRIFT = 0.05  # share of chunks that may come or go before it is drawn again


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a transaction changed for searches."""

    gone: Range | None = None
    first: int = 0
    vectors: NDArray[np.float16]


@dataclass(frozen=True, kw_only=True)
class _Statistics:
    generation: int
    chunks: int
    lengths: NDArray[np.float32]
    familiarity: familiarity.Familiarity
    background: Background
    drawn_from: int  # chunks that there were when the background was drawn


@dataclass(frozen=True, kw_only=True)
class _Served:
    """Vectors, and the embedder that made them: only ever replaced together."""

    embedder: Embedder
    vectors: VectorIndex


class Index:
    """The vectors of a base with their cache on disk, and statistics of its chunks."""

    def __init__(self, database: Database, cache: Path, embedder: Embedder) -> None:
        self._database = database
        self._cache = cache
        self._served = _Served(embedder=embedder, vectors=VectorIndex(embedder.dimensions))
        self._statistics: _Statistics | None = None
        self._saved = -1  # the generation that the cache is known to hold
        self._clustering: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def embedder(self) -> Embedder:
        return self._served.embedder

    @property
    def _vectors(self) -> VectorIndex:
        return self._served.vectors

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The base as it is now, for one search: rows and vectors of the same generation."""
        while True:
            served = self._served
            with served.vectors.reading(), self._database.reading() as connection:
                state = connection.execute("SELECT generation, chunks, tokens FROM state").fetchone()
                if state["generation"] == served.vectors.generation:
                    yield self._snapshot(connection, state, served)
                    return
            self.refresh()  # another process changed the base

    def commit(self, connection: sqlite3.Connection, change: Change) -> None:
        """End the transaction and bring the vectors along, so that no search sees one without the other."""
        (generation,) = connection.execute(
            "UPDATE state SET generation = generation + 1 RETURNING generation"
        ).fetchone()
        with self._vectors.changing():
            follows = self._vectors.generation == generation - 1
            connection.execute("COMMIT")
            if follows:
                vectors = change.vectors.astype(np.float32)
                self._vectors.replace(change.gone, change.first, vectors, generation)
            if change.gone:
                self._statistics = None
        self._cluster_if_due()

    def swap(self, connection: sqlite3.Connection, embedder: Embedder, vectors: NDArray[np.float16]) -> None:
        """End a transaction that made all chunks anew, their ids counting from 0, with vectors of `embedder`.

        Searches that began before end with the old ones; while they do, both are in memory.
        """
        (generation,) = connection.execute(
            "UPDATE state SET generation = generation + 1 RETURNING generation"
        ).fetchone()
        fresh = VectorIndex(embedder.dimensions)
        with fresh.changing():
            fresh.fill(np.arange(len(vectors), dtype=np.int64), vectors.astype(np.float32), generation)
        with self._vectors.changing():
            connection.execute("COMMIT")
            self._served = _Served(embedder=embedder, vectors=fresh)
            self._statistics = None

    def refresh(self) -> None:
        """Bring the vectors to the generation of the database: from the cache, else from its rows."""
        served = self._served
        with served.vectors.changing(), self._database.reading() as connection:
            state = connection.execute("SELECT * FROM state").fetchone()
            generation = state["generation"]
            if self._served is not served or generation == served.vectors.generation:
                return
            self._statistics = None
            if state["cache_generation"] == generation and self._vectors.load(
                self._cache, state["cache_sha256"], generation
            ):
                self._saved = generation
                if served.vectors.unclustered < len(served.vectors):
                    # Reading it all is not waited for: a search that finds it damaged begins anew.
                    threading.Thread(target=served.vectors.verify, name="verify", daemon=True).start()
                return
            ids, vectors = self._arrays(connection.execute("SELECT chunk, vector FROM vectors"))
            served.vectors.fill(ids, vectors, generation)
        self._cluster_if_due()

    def save(self, *, however_large: bool) -> None:
        """Write the cache, unless it holds this generation already."""
        if self._vectors.unclustered > _SAVED_AT_ONCE and not however_large:
            return
        with self._database.writing() as connection, self._vectors.reading():
            (generation,) = connection.execute("SELECT generation FROM state").fetchone()
            if generation != self._vectors.generation or generation == self._saved:
                return
            sha256 = self._vectors.save(self._cache)
            connection.execute(
                "UPDATE state SET cache_generation = ?, cache_sha256 = ?", (generation, sha256)
            )
            self._saved = generation

    def close(self) -> None:
        """Write the cache and stop what goes on behind."""
        self._closing.set()
        if self._clustering:
            self._clustering.join()
        self.save(however_large=True)

    def drop_cache(self) -> None:
        """Leave no removed vector in a file."""
        self._saved = -1
        self._vectors.drop(self._cache)

    def background(self) -> NDArray[np.float32]:
        """The vectors of some chunks of the base."""
        with self.snapshot() as snapshot:
            return snapshot.background.vectors

    def _snapshot(self, connection: sqlite3.Connection, state: sqlite3.Row, served: _Served) -> Snapshot:
        statistics = self._statistics
        if statistics is None or statistics.generation != state["generation"]:
            self._statistics = statistics = self._measure(connection, state, statistics)
        return Snapshot(
            connection=connection,
            index=served.vectors,
            embedder=served.embedder,
            chunks=state["chunks"],
            tokens=state["tokens"],
            lengths=statistics.lengths,
            background=statistics.background,
            familiarity=statistics.familiarity,
        )

    def _measure(
        self, connection: sqlite3.Connection, state: sqlite3.Row, before: _Statistics | None
    ) -> _Statistics:
        chunks = state["chunks"]
        if before and abs(chunks - before.drawn_from) <= _BACKGROUND_DRIFT * chunks:
            background, drawn_from = before.background, before.drawn_from
        else:
            background, drawn_from = self._draw(connection), chunks
        return _Statistics(
            generation=state["generation"],
            chunks=chunks,
            lengths=postings.lengths(connection),
            familiarity=familiarity.known(connection),
            background=background,
            drawn_from=drawn_from,
        )

    def _draw(self, connection: sqlite3.Connection) -> Background:
        """Chunks evenly over their ids."""
        (last,) = connection.execute("SELECT coalesce(max(chunk), 0) FROM vectors").fetchone()
        found = {
            row["chunk"]: row
            for start in np.linspace(0, last, _BACKGROUND).astype(int).tolist()
            for row in connection.execute(
                "SELECT chunk, kind, vector FROM vectors WHERE chunk >= ? LIMIT 1", (start,)
            )
        }
        _, vectors = self._arrays((row["chunk"], row["vector"]) for row in found.values())
        return Background(vectors=vectors, kinds=np.array([row["kind"] for row in found.values()], np.int64))

    def _arrays(self, rows: Iterable[tuple[int, bytes]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and vectors of rows of both."""
        found = list(rows)
        vectors = np.frombuffer(b"".join(vector for _, vector in found), np.float16)
        vectors = vectors.reshape(len(found), self.embedder.dimensions)
        return np.array([chunk for chunk, _ in found], np.int64), vectors.astype(np.float32)

    # Clusters

    def _cluster_if_due(self) -> None:
        served = self._served
        if not served.vectors.wants_clusters or self._closing.is_set():
            return
        with served.vectors.changing():
            if not served.vectors.wants_clusters:
                return
            served.vectors.begin_clustering()
        self._clustering = threading.Thread(target=self._cluster, args=(served,), name="cluster")
        self._clustering.start()

    def _cluster(self, served: _Served) -> None:
        """Put the vectors into clusters, beside searches and changes."""
        clusters = Clusters(served.embedder.dimensions, len(served.vectors))
        step = max(1, len(served.vectors) // clusters.sample)
        with self._database.reading() as connection:
            sample = connection.execute("SELECT chunk, vector FROM vectors WHERE chunk % ? = 0", (step,))
            _, vectors = self._arrays(sample)
        clusters.train(vectors)
        last = -1
        while not self._closing.is_set() and self._served is served:
            with self._database.reading() as connection:  # in short transactions, which hold up no erasure
                some = connection.execute(
                    "SELECT chunk, vector FROM vectors WHERE chunk > ? ORDER BY chunk LIMIT ?",
                    (last, _CLUSTERED_AT_ONCE),
                ).fetchall()
            if not some:
                with served.vectors.changing():
                    served.vectors.end_clustering(clusters)
                self._saved = -1
                return
            clusters.add(*self._arrays(some))
            last = some[-1]["chunk"]
