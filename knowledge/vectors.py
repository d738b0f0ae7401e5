"""The vectors of a knowledge base in memory: the only file that knows FAISS."""

import hashlib
import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]  # chunk ids: first, and one past the last

CLUSTERED_FROM = 150_000  # vectors: comparing with each of them takes 4 ms
_VISITED = 48  # clusters: of a million vectors in 4,000, .99 of the ten nearest are there
_SAMPLE_PER_CLUSTER = 48  # vectors

faiss.omp_set_num_threads(1)  # a query is too short to share; idle threads would spin against the embedder


class VectorIndex:
    """Chunk ids and their vectors, searched by inner product; many readers or one writer.

    `generation` is that of the database it was filled from. The database is the truth: what is wrong or
    missing here is rebuilt from it. New vectors go into a flat part. When that grows large, all of them are
    put into clusters, of which a search visits some; a cache of clusters is mapped and not read.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._turn = _Turn()
        self._flat: Any = _empty(dimensions)
        self._clusters: Any = None
        self._mapped: _Sealed | None = None  # the file that the clusters are still in
        self._clusters_saved: str | None = None  # SHA-256 of the file that holds the clusters as they are
        self._missed: list[_Change] | None = None  # by the clusters in the making
        self.generation = -1

    def __len__(self) -> int:
        return int(self._flat.ntotal) + (int(self._clusters.ntotal) if self._clusters else 0)

    @property
    def unclustered(self) -> int:
        """How many vectors a search has to compare with one by one."""
        return int(self._flat.ntotal)

    @property
    def is_clustering(self) -> bool:
        """Whether clusters are in the making."""
        return self._missed is not None

    @property
    def wants_clusters(self) -> bool:
        """Whether it is time to begin `clustering`."""
        clustered = len(self) - self.unclustered
        return self._missed is None and self.unclustered >= max(CLUSTERED_FROM, clustered // 4)

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
        self._flat, self._clusters, self._mapped, self._missed = _empty(self._dimensions), None, None, None
        if len(ids):
            self._flat.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
        self.generation = generation

    def replace(self, gone: Range | None, first: int, vectors: NDArray[np.float32], generation: int) -> None:
        """Drop a range of ids and add vectors under `first`, `first + 1`, ... Call within `changing`."""
        self.generation = -1  # until both steps are done
        whole = self._apply(_Change(gone=gone, first=first, vectors=vectors))
        if self._missed is not None:
            self._missed.append(_Change(gone=gone, first=first, vectors=vectors))
        self.generation = generation if whole else -1

    def search(
        self, query: NDArray[np.float32], k: int, within: Sequence[Range] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k nearest chunks' ids and cosines, best first. Call within `reading`."""
        selector = None if within is None else _selector(within)
        found = [_nearest(self._flat, query, k, _one_by_one(selector))]
        if self._clusters:
            # Where only some chunks count, they may be in any cluster.
            visited = self._clusters.nlist if selector else min(_VISITED, self._clusters.nlist)
            found.append(_nearest(self._clusters, query, k, _by_clusters(selector, visited)))
        ids = np.concatenate([part[0] for part in found])
        scores = np.concatenate([part[1] for part in found])
        best = np.argsort(-scores, kind="stable")[:k]
        return ids[best], scores[best]

    def begin_clustering(self) -> None:
        """From now on changes are kept for `end_clustering`. Call within `changing`."""
        self._missed = []

    def end_clustering(self, clusters: "Clusters") -> bool:
        """Take the clusters made of what was held at `begin_clustering` or later, and what changed since.

        Whether they were taken: not when everything was filled anew meanwhile. Call within `changing`.
        """
        missed, self._missed = self._missed, None
        if missed is None or not clusters.count:
            return False
        self._flat, self._clusters, self._mapped = _empty(self._dimensions), clusters.index, None
        self._quantizer = clusters.quantizer  # which FAISS only points to
        self._clusters_saved = None
        for change in missed:
            # Its vectors may have come into the clusters, too, which were read while it was made.
            added = (change.first, change.first + len(change.vectors))
            self._apply(_Change(gone=added, vectors=change.vectors[:0]))
            self._apply(change)
        return True

    def save(self, path: Path) -> str:
        """Write the cache and return the seal that `load` wants. Call within `reading`.

        The clusters lie beside `path` and are written only when they changed.
        """
        seal = _write(self._flat, path)
        if not self._clusters:
            return seal
        if self._clusters_saved is None:
            self._clusters_saved = _write(self._clusters, beside(path))
        return f"{seal} {self._clusters_saved}"

    def drop(self, path: Path) -> None:
        """Remove the cache, and what a crash left of a new one; clusters that are as they were saved stay."""
        kept = beside(path) if self._clusters_saved else None
        for file in (path, beside(path)):
            if file != kept:
                file.unlink(missing_ok=True)
            file.with_suffix(".new").unlink(missing_ok=True)

    def load(self, path: Path, seal: str, generation: int) -> bool:
        """Take the cache if it is whole and of this generation. Call within `changing`.

        Of the clusters only the size is looked at: `verify` reads them whole and may be called later.
        """
        flat_sha256, _, clusters_sha256 = seal.partition(" ")
        try:
            data = path.read_bytes()
            clusters = _map(beside(path)) if clusters_sha256 else None
        except (OSError, RuntimeError):  # of FAISS, for a file that it cannot read
            return False
        if hashlib.sha256(data).hexdigest() != flat_sha256:
            return False
        flat = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        if {part.d for part in (flat, clusters) if part} != {self._dimensions}:
            return False
        self._flat, self._clusters, self._missed = flat, clusters, None
        self._mapped = _Sealed(beside(path), clusters_sha256) if clusters else None
        self._clusters_saved = clusters_sha256 or None
        self.generation = generation
        return True

    def verify(self) -> bool:
        """Whether the mapped clusters are what was saved. When not, nothing here counts any more."""
        mapped = self._mapped
        if mapped is None or mapped.is_whole():
            return True
        with self.changing():
            if self._mapped is mapped:
                self.generation = -1
        return False

    def _apply(self, change: "_Change") -> bool:
        """Whether that was possible: not when the file of the clusters turned out damaged."""
        if change.gone:
            gone = faiss.IDSelectorRange(*change.gone)
            self._flat.remove_ids(gone)
            if self._clusters and self._has_clustered(gone):
                if self._mapped and not self._take_into_memory(self._mapped):
                    return False
                self._clusters.remove_ids(gone)
                self._clusters_saved = None
        if len(change.vectors):
            ids = np.arange(change.first, change.first + len(change.vectors), dtype=np.int64)
            self._flat.add_with_ids(np.ascontiguousarray(change.vectors, dtype=np.float32), ids)
        return True

    def _has_clustered(self, selector: Any) -> bool:
        anything = np.zeros(self._dimensions, np.float32)
        ids, _ = _nearest(self._clusters, anything, 1, _by_clusters(selector, self._clusters.nlist))
        return bool(len(ids))

    def _take_into_memory(self, mapped: "_Sealed") -> bool:
        if not mapped.is_whole():
            return False
        self._clusters, self._mapped = faiss.read_index(str(mapped.path)), None
        return True


class Clusters:
    """Vectors by nearness, in a byte for each dimension: a search visits some of the clusters.

    Made apart from the index that they will be part of, since it takes a minute for a million.
    """

    def __init__(self, dimensions: int, expected: int) -> None:
        """For about `expected` vectors."""
        count = max(1, round(4 * math.sqrt(expected)))
        self.quantizer = faiss.IndexFlatIP(dimensions)
        self.index: Any = faiss.IndexIVFScalarQuantizer(
            self.quantizer,
            dimensions,
            count,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        self.index.cp.niter = 8
        self.sample = count * _SAMPLE_PER_CLUSTER  # so many vectors are enough to train on

    @property
    def count(self) -> int:
        return int(self.index.ntotal)

    def train(self, vectors: NDArray[np.float32]) -> None:
        """Find the centres."""
        self.index.train(np.ascontiguousarray(vectors, dtype=np.float32))

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Put some in."""
        self.index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)


def beside(path: Path) -> Path:
    """Where the clusters lie for a cache at `path`."""
    return path.with_name(f"{path.stem}-clusters{path.suffix}")


@dataclass(frozen=True, kw_only=True)
class _Change:
    gone: Range | None
    first: int = 0
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class _Sealed:
    path: Path
    sha256: str

    def is_whole(self) -> bool:
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def _nearest(
    index: Any, query: NDArray[np.float32], k: int, parameters: Any
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    k = min(k, index.ntotal)
    if not k:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    scores, ids = index.search(query.reshape(1, -1), k, params=parameters)
    found = ids[0] >= 0
    return ids[0][found], scores[0][found]


def _one_by_one(selector: Any) -> Any:
    return faiss.SearchParameters(sel=selector) if selector else None  # type: ignore[call-arg]


def _by_clusters(selector: Any, visited: int) -> Any:
    return faiss.SearchParametersIVF(sel=selector, nprobe=visited)  # type: ignore[call-arg]


def _write(index: Any, path: Path) -> str:
    """Write a file whole or not at all, and return its SHA-256.

    `faiss.write_index` may report success on a full disk, so the bytes are made first and written by us.
    """
    data = faiss.serialize_index(index)
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(data.data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return hashlib.sha256(data.data).hexdigest()


def _map(path: Path) -> Any:
    if not path.stat().st_size:
        raise OSError("the file is empty")
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP)


def _empty(dimensions: int) -> faiss.IndexIDMap:
    flat = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIDMap(flat)


def _selector(ranges: Sequence[Range]) -> Any:
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
