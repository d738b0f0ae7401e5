"""How sure a search may be that a passage bears on the question, whatever the other passages are.

A logistic regression on two things that are absolute and know no language: the share of the question's weight
that the passage has, and where its cosine lies between that of unrelated texts and that of a sentence and its
own text, as measured in this base. Fitted on English and Korean questions asked of bases with and without
their answer, from five chunks to two thousand; bench/retrieval.py, set refusal, shows how well it does.
"""

import math

import numpy as np
from numpy.typing import NDArray

DEFAULT_FLOOR = 0.05  # of one passage
# Of the best passage, below which a base is taken not to hold the answer.
ANSWERABLE = 0.25

_CONSTANT = -12.77
_SHARE = 29.06
_NEARNESS = 11.38
# Where the embedder does not know the text the share itself must be out of the ordinary. In more chunks more
# of a question is met by chance, and of a longer question less.
_USUAL_SHARE = 0.105  # from which on a share tells, for a question of _USUAL_TERMS asked of _USUAL_CHUNKS
_USUAL_CHUNKS, _PER_CHUNKS = 69, 0.038  # for e times as many
_USUAL_TERMS, _PER_TERMS = 24, -0.05
_MOST_SHARE = 0.25


def telling_share(*, chunks: int, terms: int) -> float:
    """The share of a question of so many terms that so many chunks seldom meet by chance."""
    by_chunks = _PER_CHUNKS * math.log(max(chunks, 1) / _USUAL_CHUNKS)
    by_terms = _PER_TERMS * math.log(min(max(terms, 6), 64) / _USUAL_TERMS)
    return min(max(_USUAL_SHARE + by_chunks + by_terms, 0.05), _MOST_SHARE)


def relevance(
    share: NDArray[np.float32],
    nearness: NDArray[np.float32],
    trust: NDArray[np.float32],
    *,
    telling: float,
) -> NDArray[np.float32]:
    """0..1 for each passage.

    `share` is its part of the highest possible BM25 score; `nearness` is 0 for the cosine of unrelated texts,
    1 for that of a sentence and its own text, NaN where there is no vector; `trust` in it is 0..1.
    `telling` is the share from which on the words alone tell.
    """
    trust = np.where(np.isnan(nearness), 0, trust)
    near = np.clip(np.nan_to_num(nearness), -0.5, 1.5)
    unjudged = math.log(ANSWERABLE / (1 - ANSWERABLE)) - _CONSTANT - _SHARE * telling
    logit = _CONSTANT + _SHARE * share + trust * _NEARNESS * near + (1 - trust) * unjudged
    probability: NDArray[np.float32] = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return probability
