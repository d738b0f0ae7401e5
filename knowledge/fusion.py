"""Two opinions on the same chunks, dense and lexical, made into one ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each leg counts."""

    dense: float
    lexical: float


# Pieces of the embedder's tokenizer per character of the query. A model that knows a language needs one for
# several characters (English .25, Korean with a multilingual vocabulary .6); one that breaks it into single
# characters or parts of them (Korean with an English vocabulary 2.2) has learnt nothing about its words.
_KNOWN, _UNKNOWN = 0.8, 1.2
_LEAST = 0.05  # still decides where no word matches
_WORDS = 1.25  # of the lexical leg, for a passage that holds every term of the query


def weights_for(*, pieces: int, characters: int, coverage: float) -> Weights:
    """How much each leg counts for one query; measured on the query itself, so no base needs a setting.

    `pieces` of the embedder's tokenizer, `characters` without white space. `coverage`: the share of the
    query's terms, rare ones counting more, that the best passage by words holds: a question in other words
    than the text's own is left to the dense leg.
    """
    per_character = pieces / max(characters, 1)
    knows = (_UNKNOWN - per_character) / (_UNKNOWN - _KNOWN)
    return Weights(dense=min(1.0, max(_LEAST, knows)), lexical=_WORDS * coverage)


def fuse(dense: NDArray[np.float32], lexical: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """Weighted sum of the legs' scores, each brought to mean 0 and deviation 1 over the candidates."""
    return np.float32(weights.dense) * standardise(dense) + np.float32(weights.lexical) * standardise(lexical)


def standardise(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and deviation 1; 0 where a score is unknown (NaN) or all are the same."""
    known = scores[~np.isnan(scores)]
    spread = float(known.std()) if len(known) else 0.0
    if spread < 1e-6:
        return np.zeros_like(scores)
    standard: NDArray[np.float32] = np.nan_to_num((scores - known.mean()) / np.float32(spread))
    return standard
