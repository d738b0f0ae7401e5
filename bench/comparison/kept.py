"""Embeddings kept between runs of a bench, so that a change of the ranking is measured in seconds.

A vector is kept under the model and the exact text: what is chunked or headed otherwise is embedded anew.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from knowledge.embeddings import Embedder

Vectors = NDArray[np.float32]

_AT_ONCE = 256  # texts embedded before they are written


@contextmanager
def folder(cache: Path | None) -> Iterator[Path]:
    """The folder for what is kept; one of its own, gone afterwards, for None."""
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with TemporaryDirectory() as made:
        yield Path(made)


class Kept:
    """Vectors by model and text, in one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def vectors(self, model: str, texts: Sequence[str], embed: Callable[[list[str]], Vectors]) -> Vectors:
        """One row per text; those that are not kept are embedded, and kept."""
        keys = [hashlib.sha256(f"{model}\0{text}".encode()).digest() for text in texts]
        found = {key: row for key in keys if (row := self._row(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for start in range(0, len(missing), _AT_ONCE):
            part = dict(list(missing.items())[start : start + _AT_ONCE])
            made = dict(zip(part, embed(list(part.values())), strict=True))
            rows = [(key, vector.astype(np.float32).tobytes()) for key, vector in made.items()]
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            found.update(made)
        return np.stack([found[key] for key in keys]) if keys else np.empty((0, 0), np.float32)

    def _row(self, key: bytes) -> Vectors | None:
        row = self._connection.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else np.frombuffer(row[0], np.float32)


class KeptEmbedder(Embedder):
    """An embedder of ours that looks first whether the vector is kept."""

    def __init__(self, embedder: Embedder, kept: Kept) -> None:
        self._embedder = embedder
        self._kept = kept
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.max_tokens = embedder.max_tokens
        self.served_by = embedder.served_by

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._kept.vectors(f"{self.fingerprint} document", texts, self._embedder.encode_documents)

    def encode_query(self, text: str) -> Vectors:
        found = self._kept.vectors(
            f"{self.fingerprint} query", [text], lambda texts: self._embedder.encode_query(texts[0])[None]
        )
        row: Vectors = found[0]
        return row

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)


class KeptEmbeddings(Embeddings):
    """The same for the peer's embeddings."""

    def __init__(self, embeddings: Embeddings, name: str, kept: Kept) -> None:
        self._embeddings = embeddings
        self._name = name
        self._kept = kept

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        found: list[list[float]] = self._kept.vectors(self._name, texts, self._embed).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def _embed(self, texts: list[str]) -> Vectors:
        return np.array(self._embeddings.embed_documents(texts), np.float32)
