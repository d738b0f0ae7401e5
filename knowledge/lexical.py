"""Words as a search engine sees them, and BM25 over them."""

import math
import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TERMS_VERSION = 1  # a base whose postings were made by another version makes them again when it is opened

K1 = 1.2
B = 0.75

# Scripts written without spaces, or, as Korean, with particles glued to the words: pairs of characters.
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = _HANGUL + _KANA + _HAN
_TOKEN = re.compile(rf"[{_RUNS}]+|[^\W_{_RUNS}]+")
_RUN = re.compile(rf"[{_RUNS}]")
_LONGEST = 64  # characters of a term: a longer "word" is data, its beginning finds it


def terms(text: str) -> list[str]:
    """The terms of a text in order: words in lower case; pairs of characters for Hangul, Han and kana."""
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        found.extend(_split(match.group()))
    return found


def _split(token: str) -> Iterator[str]:
    if not _RUN.match(token) or len(token) == 1:
        yield token[:_LONGEST]
    else:
        yield from (token[i : i + 2] for i in range(len(token) - 1))


def idf(documents: int, containing: int) -> float:
    """Robertson and Sparck Jones' weight, kept above zero as Lucene does."""
    return math.log(1 + (documents - containing + 0.5) / (containing + 0.5))


def bm25(
    frequencies: NDArray[np.float32], lengths: NDArray[np.float32], average: float
) -> NDArray[np.float32]:
    """What a term adds to the chunks it is in, before its idf (Robertson and Zaragoza, 2009)."""
    saturation = frequencies + K1 * (1 - B + B / max(average, 1.0) * lengths)
    return (frequencies * (K1 + 1) / saturation).astype(np.float32)
