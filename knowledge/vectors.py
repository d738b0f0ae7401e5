"""The vectors of a knowledge base in memory: the only file that knows FAISS."""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]  # chunk ids: first, and one past the last

faiss.omp_set_num_threads(1)  # a query is too short to share; idle threads would spin against the embedder


class VectorIndex:
    """Chunk ids and their vectors, searched by inner product; many readers or one writer.

    `generation` is that of the database it was filled from. The database is the truth: what is wrong or
    missing here is rebuilt from it.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._turn = _Turn()
        self._index: Any = _empty(dimensions)
        self.generation = -1

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._turn.shared():
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self._turn.alone():
            yield

    def fill(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], generation: int) -> None:
        """Forget everything and hold these. Call within `changing`."""
        self._index = _empty(self._dimensions)
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
        self.generation = generation

    def replace(self, gone: Range | None, first: int, vectors: NDArray[np.float32], generation: int) -> None:
        """Drop a range of ids and add vectors under `first`, `first + 1`, ... Call within `changing`."""
        self.generation = -1  # until both steps are done
        if gone:
            self._index.remove_ids(faiss.IDSelectorRange(*gone))
        if len(vectors):
            ids = np.arange(first, first + len(vectors), dtype=np.int64)
            self._index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
        self.generation = generation

    def search(
        self, query: NDArray[np.float32], k: int, within: Sequence[Range] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k nearest chunks' ids and cosines, best first. Call within `reading`."""
        k = min(k, len(self))
        if not k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        selector = None if within is None else _selector(within)
        parameters = faiss.SearchParameters(sel=selector) if selector else None  # type: ignore[call-arg]
        scores, ids = self._index.search(query.reshape(1, -1), k, params=parameters)
        found = ids[0] >= 0
        return ids[0][found], scores[0][found]

    def sample(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and vectors of some chunks, evenly over the order they came in. Call within `reading`."""
        at = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))
        ids = faiss.vector_to_array(self._index.id_map)[at]
        found = np.empty((len(at), self._dimensions), np.float32)
        for row, position in zip(found, at.tolist(), strict=True):
            self._index.index.reconstruct(position, row)
        return ids, found

    def save(self, path: Path) -> str:
        """Write the cache and return its SHA-256. Call within `reading`.

        `faiss.write_index` may report success on a full disk, so the bytes are made first and written by us.
        """
        data = faiss.serialize_index(self._index).tobytes()
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        return hashlib.sha256(data).hexdigest()

    def load(self, path: Path, sha256: str, generation: int) -> bool:
        """Take the cache if it is whole and of this generation. Call within `changing`."""
        try:
            data = path.read_bytes()
        except OSError:
            return False
        if hashlib.sha256(data).hexdigest() != sha256:
            return False
        index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        if index.d != self._dimensions:
            return False
        self._index = index
        self.generation = generation
        return True


def _empty(dimensions: int) -> faiss.IndexIDMap:
    flat = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIDMap(flat)


def _selector(ranges: Sequence[Range]) -> faiss.IDSelector:
    allowed = np.zeros(max((stop for _, stop in ranges), default=1), dtype=bool)
    for first, stop in ranges:
        allowed[first:stop] = True
    bitmap = np.packbits(allowed, bitorder="little")
    return faiss.IDSelectorBitmap(bitmap)  # type: ignore[arg-type, call-arg]


class _Turn:
    """Many readers or one writer; a waiting writer goes before new readers."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writers = 0  # waiting or at work
        self._writing = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._writers)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            self._writers += 1
            self._condition.wait_for(lambda: not self._readers and not self._writing)
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._writers -= 1
                self._condition.notify_all()
