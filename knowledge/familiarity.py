"""How well an embedder knows the text of a base, measured on that text.

A model that never saw a language still gives vectors, and they rank its texts at random. So while documents
come in, some of their sentences are asked as questions: in a language that the model knows, the vector of the
chunk that a sentence stands in lies far out from those of other chunks, in one that it does not know it lies
among them (all-MiniLM-L6-v2: 3.3 to 6.4 standard deviations in English, 1.0 to 1.4 in Korean).

Texts are told apart by the tokens that the embedder needs for a character: a model spells out what it does
not know. Each such kind is measured by itself, so that a base may hold several languages.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge.embeddings import Embedder, EmbedderUnavailable
from knowledge.sentences import sentence_spans

_TOKENS_PER_CHARACTER = (0.35, 0.6, 0.9)  # where one kind ends and the next begins
KINDS = len(_TOKENS_PER_CHARACTER) + 1
# What is believed of a kind before it is measured: separation, cosine to its own chunk and to another one.
_PRIOR = np.array([(4.0, 0.6, 0.1), (4.0, 0.6, 0.1), (2.3, 0.6, 0.2), (1.0, 0.6, 0.4)])
_PRIOR_SAMPLES = 4.0
_UNKNOWN, _KNOWN = 1.8, 2.8  # separations at which a kind counts nothing, and in full

_ENOUGH = 64  # samples of a kind; then only large documents add one
_PER_DOCUMENT = 8
_SENTENCE = (25, 300)  # characters
_LEAST_OTHERS = 8
_USUAL_SPREAD, _SPREAD_SAMPLES = 0.1, 8.0  # of the cosines to other chunks, before there are many


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A sentence asked as a question."""

    kind: int
    separation: float  # of its own chunk from other chunks, in standard deviations
    own: float  # cosine
    other: float  # mean cosine


@dataclass(frozen=True, kw_only=True)
class Familiarity:
    """What is known by kind of text."""

    trust: NDArray[np.float32]  # 0..1: how much a cosine counts
    own: NDArray[np.float32]  # cosine of a sentence and its own chunk
    other: NDArray[np.float32]  # of a sentence and any other


def kinds(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.int64]:
    """The kind of each text, 0 for what the embedder knows in whole words."""
    tokens = np.array(embedder.count_tokens(texts), np.float64)
    characters = np.array([max(len(text), 1) for text in texts], np.float64)
    return np.digitize(tokens / characters, _TOKENS_PER_CHARACTER)


def observe(
    embedder: Embedder,
    texts: Sequence[str],
    kinds: NDArray[np.int64],
    vectors: NDArray[np.float32],
    others: NDArray[np.float32],
    samples: NDArray[np.float64],
) -> list[Observation]:
    """Ask for some of the texts by one of their sentences.

    `vectors` are those of the texts, `others` some more of the base; `samples` is how often each kind was
    observed before. Nothing is observed in a base of a few chunks, or while the embedder does not answer.
    """
    chosen = _sentences(texts, kinds, samples)
    rows = np.concatenate([vectors, others])
    if not chosen or len(rows) <= _LEAST_OTHERS:
        return []
    try:
        asked = [embedder.encode_query(sentence) for _, sentence in chosen]
    except EmbedderUnavailable:
        return []
    return [
        _observation(int(kinds[at]), rows @ question, at)
        for (at, _), question in zip(chosen, asked, strict=True)
    ]


def spread(cosines: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and deviation of the cosines of a question to chunks that have nothing to do with it."""
    if not len(cosines):
        return 0.0, _USUAL_SPREAD
    variance = float(cosines.var()) * len(cosines) + _USUAL_SPREAD**2 * _SPREAD_SAMPLES
    return float(cosines.mean()), float(np.sqrt(variance / (len(cosines) + _SPREAD_SAMPLES)))


def record(connection: sqlite3.Connection, observations: Sequence[Observation]) -> None:
    connection.executemany(
        "INSERT INTO familiarity VALUES (?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET samples = samples + 1,"
        " separation = separation + excluded.separation, own = own + excluded.own,"
        " other = other + excluded.other",
        [(each.kind, each.separation, each.own, each.other) for each in observations],
    )


def forget(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM familiarity")


def samples(connection: sqlite3.Connection) -> NDArray[np.float64]:
    """How often each kind was observed."""
    return _sums(connection)[:, 0]


def known(connection: sqlite3.Connection) -> Familiarity:
    sums = _sums(connection)
    means = (sums[:, 1:] + _PRIOR * _PRIOR_SAMPLES) / (sums[:, :1] + _PRIOR_SAMPLES)
    trust = np.clip((means[:, 0] - _UNKNOWN) / (_KNOWN - _UNKNOWN), 0, 1)
    return Familiarity(
        trust=trust.astype(np.float32),
        own=means[:, 1].astype(np.float32),
        other=means[:, 2].astype(np.float32),
    )


def _sums(connection: sqlite3.Connection) -> NDArray[np.float64]:
    sums = np.zeros((KINDS, 4))
    for kind, *row in connection.execute("SELECT kind, samples, separation, own, other FROM familiarity"):
        sums[kind] = row
    return sums


def _sentences(
    texts: Sequence[str], kinds: NDArray[np.int64], samples: NDArray[np.float64]
) -> list[tuple[int, str]]:
    """Position of a text and a sentence from its middle, spread over the texts."""
    chosen: list[tuple[int, str]] = []
    wanted = {
        kind: _PER_DOCUMENT if samples[kind] < _ENOUGH else int(np.sum(kinds == kind) >= _PER_DOCUMENT)
        for kind in range(KINDS)
    }
    order = np.random.default_rng(len(texts)).permutation(len(texts))  # the same for the same document
    for at in order[: 4 * _PER_DOCUMENT * KINDS].tolist():
        kind = int(kinds[at])
        if wanted[kind] and (sentence := _middle_sentence(texts[at])):
            chosen.append((at, sentence))
            wanted[kind] -= 1
    return chosen


def _middle_sentence(text: str) -> str | None:
    low, high = _SENTENCE
    spans = [(start, end) for start, end in sentence_spans(text) if low <= end - start <= high]
    if len(spans) < 2:  # the sentence would be most of the chunk
        return None
    start, end = spans[len(spans) // 2]
    return text[start:end]


def _observation(kind: int, cosines: NDArray[np.float32], at: int) -> Observation:
    own = float(cosines[at])
    mean, deviation = spread(np.delete(cosines, at))
    return Observation(kind=kind, separation=(own - mean) / deviation, own=own, other=mean)
