"""A second look at the best passages: a CrossEncoder reads question and passage together.

Slower than the search by far, so it sees only the passages that the search puts first. Whoever names one for
a base pays for it in time; without one the order of the search stays.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.conversion import EmbedderNotFound, locate
from knowledge.documents import Passage, Reranking, SearchResult
from knowledge.searchable import embedded_text

DEPTH = 20  # passages that it sees at least

_AT_ONCE = 8  # pairs

_log = logging.getLogger(__name__)


class RerankerNotFound(Exception):
    """No reranker is known by that name here."""


class Reranker(Protocol):
    """Judges texts against a question. Safe to share between threads."""

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """One for each text, higher is better."""
        ...


class CrossEncoderReranker:
    """Any CrossEncoder of sentence-transformers that gives one score to a pair of texts."""

    def __init__(self, name: str) -> None:
        # Here, because torch costs seconds and 500 MB, and most processes never need it.
        from sentence_transformers import CrossEncoder
        from transformers import AutoConfig

        source = _source(name)
        try:
            kinds = AutoConfig.from_pretrained(source).architectures or ()
            if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
                raise RerankerNotFound(f"{name} is no CrossEncoder: give the name or folder of one.")
            self._model: Any = CrossEncoder(source, device="cpu", model_kwargs={"use_safetensors": True})
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise RerankerNotFound(f"The reranker {name} cannot be opened: {error}") from error
        if self._model.num_labels != 1:
            classes = self._model.num_labels
            raise RerankerNotFound(
                f"{name} sorts into {classes} classes: give a CrossEncoder with one score."
            )
        self._turn = threading.Lock()  # its tokenizer is not safe to share

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        pairs = [(question, text) for text in texts]
        with self._turn:
            found = self._model.predict(pairs, batch_size=_AT_ONCE, show_progress_bar=False)
        return np.asarray(found, np.float32).reshape(len(texts))


class Rerankers:
    """The rerankers of an installation by name, each opened once and shared."""

    def __init__(self, open_one: Callable[[str], Reranker] = CrossEncoderReranker) -> None:
        self._open_one = open_one
        self._turn = threading.Lock()
        self._open: dict[str, Reranker] = {}
        self._failed: set[str] = set()
        self._opening: dict[str, threading.Thread] = {}

    def get(self, name: str) -> Reranker:
        """Opens it and waits for that. Raises RerankerNotFound."""
        with self._turn:
            if name not in self._open:
                self._open[name] = self._open_one(name)
                self._failed.discard(name)
            return self._open[name]

    def ready(self, name: str) -> tuple[Reranking, Reranker | None]:
        """Without waiting: the first to ask has it opened in a thread, and goes on without."""
        if name in self._open:
            return Reranking.USED, self._open[name]
        if name in self._failed:
            return Reranking.FAILED, None
        if name not in self._opening:
            thread = threading.Thread(target=self._try, args=(name,), name="reranker", daemon=True)
            if self._opening.setdefault(name, thread) is thread:
                thread.start()
        return Reranking.OPENING, None

    def _try(self, name: str) -> None:
        try:
            self.get(name)
        except Exception as error:
            _log.error("The reranker %s cannot be opened: %s", name, error)
            self._failed.add(name)
        finally:
            self._opening.pop(name, None)


def rerank(result: SearchResult, reranker: Reranker, k: int) -> SearchResult:
    """The best k of the passages as the reranker has them."""
    if not result.passages:
        return replace(result, reranking=Reranking.USED)
    texts = [
        embedded_text(passage.document_name, passage.chunk.section, passage.chunk.text)
        for passage in result.passages
    ]
    judged = [
        _judged(passage, float(score))
        for passage, score in zip(result.passages, reranker.scores(result.query, texts), strict=True)
    ]
    judged.sort(key=lambda passage: -passage.score)
    return replace(result, passages=tuple(judged[:k]), reranking=Reranking.USED)


def _judged(passage: Passage, score: float) -> Passage:
    return replace(passage, score=score, scores=replace(passage.scores, rerank=score))


def _source(name: str) -> str:
    try:
        return locate(name)
    except EmbedderNotFound:
        raise RerankerNotFound(f"There is no reranker in {name}: give the name or folder of one.") from None
