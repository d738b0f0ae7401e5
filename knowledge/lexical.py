"""Words as a search engine sees them, and BM25 over them.

A word is known by its beginning: what changes with number, tense and case is mostly at its end. That takes no
list of languages and no dictionary. Scripts written without spaces, and Korean, whose particles are glued to
the words, are cut into pairs of characters, and the pair that begins a run has a term of its own.
"""

import math
import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TERMS_VERSION = 2  # a base whose postings were made by another version makes them again when it is opened

_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = _HANGUL + _KANA + _HAN
_TOKEN = re.compile(rf"[{_RUNS}]+|[^\W_{_RUNS}]+")
_RUN = re.compile(rf"\^?[{_RUNS}]")
_PARTS = re.compile(r"[^\W\d_]{2,}|\d{2,}")  # of "fy2023", "2023q4"

_BEGINNING = 6  # letters
_LONGEST = 64  # characters of a term: a longer "word" is data, its beginning finds it
_WHOLE = 0.3  # weight in a question of a long word as it stands, beside its beginning
_ENDING = 0.3  # weight in a question of the last pair of a run: mostly a particle or an ending
_MOST_TERMS = 512  # of a question

# k1 and b of BM25. A pair of characters that recurs is what the text is about; of a word that is less so.
_WORDS = (0.9, 0.4)
_PAIRS = (1.5, 0.75)


def terms(text: str) -> list[str]:
    """The terms of a text, each as often as it occurs."""
    return [term for token in _tokens(text) for term, _ in _terms(token)]


def query_terms(text: str) -> dict[str, float]:
    """The terms of a question with the weight that each has beside its idf."""
    weights: dict[str, float] = {}
    for token in _tokens(text):
        for term, weight in _terms(token):
            weights[term] = max(weight, weights.get(term, 0.0))
        if len(weights) > _MOST_TERMS:
            break
    return weights


def idf(documents: int, containing: int) -> float:
    """Robertson and Sparck Jones' weight, kept above zero as Lucene does."""
    return math.log(1 + (documents - containing + 0.5) / (containing + 0.5))


def bm25(
    term: str, frequencies: NDArray[np.float32], lengths: NDArray[np.float32], average: float
) -> NDArray[np.float32]:
    """What a term adds to the chunks it is in, before its idf: 0 to 1 (Robertson and Zaragoza, 2009).

    Without the factor k1 + 1 of the textbook, which would only make words and pairs incomparable.
    """
    k1, b = _PAIRS if _RUN.match(term) else _WORDS
    lengths = lengths * np.float32(k1 * b / max(average, 1.0))
    gain: NDArray[np.float32] = frequencies / (frequencies + lengths + np.float32(k1 * (1 - b)))
    return gain


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        yield match.group()


def _terms(token: str) -> Iterator[tuple[str, float]]:
    """Terms of a word or run, and their weights in a question."""
    if _RUN.match(token):
        yield from _run_terms(token)
    elif token.isalpha():
        yield token[:_BEGINNING], 1.0
        if len(token) > _BEGINNING:
            yield f"={token[:_LONGEST]}", _WHOLE
    else:
        yield token[:_LONGEST], 1.0
        parts = [] if token.isdigit() else _PARTS.findall(token[:_LONGEST])
        yield from ((part[:_BEGINNING], 1.0) for part in parts if part != token)


def _run_terms(run: str) -> Iterator[tuple[str, float]]:
    if len(run) == 1:
        yield run, 1.0
        return
    yield f"^{run[:2]}", 1.0
    last = len(run) - 2
    for i in range(last + 1):
        yield run[i : i + 2], _ENDING if i == last and i > 0 else 1.0
