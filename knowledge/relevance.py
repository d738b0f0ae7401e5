"""How sure a search may be that a passage bears on the question, whatever the other passages are.

A logistic regression on two things that are absolute and know no language: the share of the question's weight
that the passage has, and where its cosine lies between that of unrelated texts and that of a sentence and its
own text, as measured in this base. Fitted on English and Korean questions asked of bases with and without
their answer, from five chunks to two thousand; bench/retrieval.py, set refusal, shows how well it does.
"""

import numpy as np
from numpy.typing import NDArray

DEFAULT_FLOOR = 0.05  # of one passage
# Of the best passage, below which a base is taken not to hold the answer.
ANSWERABLE = 0.25

_CONSTANT = -12.77
_SHARE = 29.06
_NEARNESS = 11.38
_UNJUDGED = 8.11  # instead of nearness, where the embedder does not know the text


def relevance(
    share: NDArray[np.float32], nearness: NDArray[np.float32], trust: NDArray[np.float32]
) -> NDArray[np.float32]:
    """0..1 for each passage.

    `share` is its part of the highest possible BM25 score; `nearness` is 0 for the cosine of unrelated texts,
    1 for that of a sentence and its own text, NaN where there is no vector; `trust` in it is 0..1.
    """
    trust = np.where(np.isnan(nearness), 0, trust)
    near = np.clip(np.nan_to_num(nearness), -0.5, 1.5)
    logit = _CONSTANT + _SHARE * share + trust * _NEARNESS * near + (1 - trust) * _UNJUDGED
    probability: NDArray[np.float32] = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return probability
