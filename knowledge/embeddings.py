"""From texts to vectors: the embedders that a knowledge base can be made with."""

import hashlib
import json
import logging
import math
import re
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from pydantic import SecretStr

from .conversion import DEFAULT_MODEL, ConversionFailed, EmbedderNotFound, locate, prepare
from .openvino_model import ModelSpec, OpenVINOModel

__all__ = [
    "DEFAULT_MODEL",
    "Embedder",
    "EmbedderNotFound",
    "EmbedderUnavailable",
    "FastEmbedder",
    "HashingEmbedder",
    "OpenAIEmbedder",
    "SentenceTransformersEmbedder",
    "open_embedder",
    "prepare",
]

Vectors = NDArray[np.float32]

_log = logging.getLogger(__name__)


class EmbedderUnavailable(Exception):
    """The embedding model is known but does not answer."""


class Embedder(Embeddings):
    """A LangChain `Embeddings` that also says what it is and counts tokens. Safe to share between threads."""

    fingerprint: str  # the same for two embedders exactly when their vectors may lie in one index
    dimensions: int
    max_tokens: int  # what a text has beyond is not seen
    served_by: str  # for people: which path does the work, and why

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
    served_by = "the offline double"
    dimensions = 256
    max_tokens = 512

    _TOKEN = re.compile(r"[가-힣]+|[^\W가-힣]+")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts)

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self._vectors([text])[0]
        return row

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for token, count in Counter(self._tokens(text)).items():
                digest = hashlib.blake2b(token.encode(), digest_size=4).digest()
                row[digest[0]] += math.sqrt(count) * (1 if digest[1] & 1 else -1)
        return normalised(vectors)

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


class FastEmbedder(Embedder):
    """A sentence-transformers model, converted once and served without torch."""

    def __init__(self, folder: Path, spec: ModelSpec) -> None:
        self._model = OpenVINOModel(folder, spec)
        # Vectors of f32 and bf16 may lie in one index; those of int8 are a little off.
        self.fingerprint = spec.fingerprint + ("-int8" if self._model.variant == "int8" else "")
        self.dimensions = spec.dimensions
        self.max_tokens = spec.max_tokens
        self.served_by = f"OpenVINO {self._model.variant}"

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._model.encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        return self._model.encode_query(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._model.count_tokens(texts)

    def close(self) -> None:
        self._model.close()


class SentenceTransformersEmbedder(Embedder):
    """A model that the fast path cannot express: sentence-transformers and torch in this process."""

    _SLICE = 8  # texts between two moments at which a question may come in

    def __init__(self, name: str, source: str, *, reason: str) -> None:
        # Here, because torch costs seconds and 500 MB, and most processes never need it.
        from sentence_transformers import SentenceTransformer

        from .convert_model import model_fingerprint, prompts_of

        self._model: Any = SentenceTransformer(source, device="cpu", local_files_only=True).eval()
        self._prompts = prompts_of(self._model, name)
        self._turn = threading.Lock()  # its tokenizer is not safe to share
        self.fingerprint = model_fingerprint(self._model, self._prompts)
        window = self._model.max_seq_length
        self.max_tokens = int(window) if window and math.isfinite(window) else 512
        self.dimensions = len(self._encode([""])[0])
        self.served_by = f"sentence-transformers, because {reason}"

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        parts = [np.empty((0, self.dimensions), dtype=np.float32)]
        for start in range(0, len(texts), self._SLICE):
            parts.append(
                self._encode([self._prompts[1] + text for text in texts[start : start + self._SLICE]])
            )
            time.sleep(0.0005)  # a lock that is taken again at once starves whoever waits for it
        return np.concatenate(parts)

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self._encode([self._prompts[0] + text])[0]
        return row

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        with self._turn:
            tokenizer = self._model.tokenizer
            encode = getattr(tokenizer, "tokenize", None) or (lambda text: tokenizer.encode(text).tokens)
            return [len(encode(text)) for text in texts]

    def _encode(self, prompted: list[str]) -> Vectors:
        with self._turn:
            return normalised(self._model.encode(prompted, prompt="", show_progress_bar=False))


class OpenAIEmbedder(Embedder):
    """Any endpoint that speaks OpenAI's embeddings protocol."""

    max_tokens = 8191

    _WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")

    def __init__(self, model: str, *, cache: Path, base_url: str | None, api_key: SecretStr | None) -> None:
        from langchain_openai import OpenAIEmbeddings  # here: it costs a second that only its users pay

        key = api_key or (SecretStr("none") if base_url else None)
        try:
            self._client = OpenAIEmbeddings(
                model=model,
                base_url=base_url,
                api_key=key,
                check_embedding_ctx_length=False,  # counting would download, ids only OpenAI reads
                chunk_size=64,
                timeout=60,
                max_retries=2,
            )
        except Exception as error:
            raise EmbedderUnavailable(f"The embedding model {model} cannot be used: {error}") from error
        self._model = model
        self._size = cache / f"openai-{hashlib.sha256(model.encode()).hexdigest()[:12]}.json"
        self.dimensions = self._known_dimensions() or self._ask_dimensions()
        self.fingerprint = f"openai:{model}:{self.dimensions}"
        self.served_by = "an OpenAI-compatible endpoint"

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        vectors = self._ask(texts)
        if vectors.shape != (len(texts), self.dimensions):
            raise EmbedderUnavailable(
                f"{self._model} gave vectors of shape {vectors.shape}, not of {self.dimensions} numbers"
                " each: the endpoint serves another model now."
            )
        return normalised(vectors)

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self.encode_documents([text])[0]
        return row

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: four letters to a token; a Hangul syllable, kana or Han character is one."""
        wide = (len(self._WIDE.findall(text)) for text in texts)
        return [count + math.ceil((len(text) - count) / 4) for count, text in zip(wide, texts, strict=True)]

    def _ask(self, texts: Sequence[str]) -> Vectors:
        try:
            return np.asarray(self._client.embed_documents([text or " " for text in texts]), dtype=np.float32)
        except Exception as error:  # the client's own errors, and whatever garbage makes it stumble over
            raise EmbedderUnavailable(
                f"The endpoint of the embedding model {self._model} does not answer: check its address and"
                f" key. ({error})"
            ) from error

    def _known_dimensions(self) -> int | None:
        try:
            return int(json.loads(self._size.read_bytes())["dimensions"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _ask_dimensions(self) -> int:
        dimensions = int(self._ask(["size"]).shape[1])
        self._size.parent.mkdir(parents=True, exist_ok=True)
        self._size.write_text(json.dumps({"dimensions": dimensions}), encoding="utf-8")
        return dimensions


def open_embedder(
    name: str, *, cache: Path, base_url: str | None = None, api_key: SecretStr | None = None
) -> Embedder:
    """The embedder of that name, made ready under `cache` when it is used for the first time.

    `name` is "all-MiniLM-L6-v2" (comes with the installation), any sentence-transformers model by folder or
    public name, "openai:<model>" with `base_url` and `api_key`, or "hashing", the offline double.
    Raises EmbedderNotFound and EmbedderUnavailable.
    """
    if name == "hashing":
        return HashingEmbedder()
    if name.startswith("openai:"):
        return OpenAIEmbedder(name.removeprefix("openai:"), cache=cache, base_url=base_url, api_key=api_key)
    try:
        prepared = prepare(name, cache)
    except (ConversionFailed, OSError) as error:
        return _without_fast_path(name, locate(name), str(error))
    if prepared.spec is None:
        return _without_fast_path(
            name, prepared.source, prepared.fallback or "the fast path cannot express it"
        )
    embedder = FastEmbedder(prepared.folder, prepared.spec)
    _log.info("Embedding with %s, served by %s.", name, embedder.served_by)
    return embedder


def _without_fast_path(name: str, source: str, reason: str) -> Embedder:
    _log.warning(
        "Embedding with %s through sentence-transformers, slower and larger, because %s", name, reason
    )
    try:
        return SentenceTransformersEmbedder(name, source, reason=reason)
    except (OSError, ValueError, RuntimeError) as error:
        raise EmbedderUnavailable(f"The embedding model {name} cannot be opened: {error}") from error
