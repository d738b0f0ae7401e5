"""From texts to vectors: the embedders that a knowledge base can be made with."""

import hashlib
import math
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from pydantic import SecretStr

Vectors = NDArray[np.float32]


class Embedder(Embeddings):
    """A LangChain `Embeddings` that also says what it is and counts tokens. Safe to share between threads."""

    fingerprint: str  # the same for two embedders exactly when their vectors may lie in one index
    dimensions: int
    max_tokens: int  # what a text has beyond is not seen

    @abstractmethod
    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """One row per text, of length 1 (or 0 for a text in which nothing is known)."""

    @abstractmethod
    def encode_query(self, text: str) -> Vectors:
        """One vector of length 1, made as the model wants its questions."""

    @abstractmethod
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the marks a model puts around a whole one."""

    def close(self) -> None:
        """Give memory and threads back; the embedder is not used afterwards."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self.encode_documents(texts)]

    def embed_query(self, text: str) -> list[float]:
        return [float(x) for x in self.encode_query(text)]


class HashingEmbedder(Embedder):
    """The offline double: no model, the same everywhere; texts that share words lie together."""

    fingerprint = "hashing-256-1"
    dimensions = 256
    max_tokens = 512

    _TOKEN = re.compile(r"[가-힣]+|[^\W가-힣]+")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for token, count in Counter(self._tokens(text)).items():
                digest = hashlib.blake2b(token.encode(), digest_size=4).digest()
                row[digest[0]] += math.sqrt(count) * (1 if digest[1] & 1 else -1)
        return normalised(vectors)

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self.encode_documents([text])[0]
        return row

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [sum(1 for _ in self._tokens(text)) for text in texts]

    def _tokens(self, text: str) -> list[str]:
        tokens: list[str] = []
        for word in self._TOKEN.findall(text.lower()):
            pairs = [word[i : i + 2] for i in range(len(word) - 1)] if "가" <= word[0] <= "힣" else []
            tokens.extend(pairs or [word])
        return tokens


def normalised(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def open_embedder(
    name: str, *, cache: Path, base_url: str | None = None, api_key: SecretStr | None = None
) -> Embedder:
    """The embedder of that name: "hashing", or (soon) a model."""
    if name == "hashing":
        return HashingEmbedder()
    raise NotImplementedError(name)
