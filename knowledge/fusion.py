"""Two opinions on the same chunks, dense and lexical, made into one ranking.

The lexical leg counts by the square of the share of the highest possible score that a chunk has: a chunk with
most of the question's words outweighs any cosine, while for a chatty question, of which no chunk holds much,
the words hardly count. The dense leg counts by how far a cosine lies out among those of the base, times how
well the embedder knows that kind of text (familiarity.py). So the weights are measured, per question and per
kind of text; what is fixed is only how the two scales compare.

Measured before: a sum of z-scores with fixed weights, or by reciprocal rank, is best on one corpus and loses
to its better leg on another.
"""

import numpy as np
from numpy.typing import NDArray

_STEEPNESS = 40.0  # standard deviations of a cosine that the whole of a question is worth


def fuse(
    separation: NDArray[np.float32], trust: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The score of each chunk.

    `separation`: of its cosine from the base's, in standard deviations, NaN where there is no vector;
    `trust`: 0..1 for that; `share`: its BM25 score of the highest possible, 0..1.
    """
    return dense_part(separation, trust) + lexical_part(share)


def weights(
    separation: NDArray[np.float32], trust: NDArray[np.float32], share: NDArray[np.float32]
) -> dict[str, float]:
    """How much each leg had to say in an order of these chunks; they sum up to 1, or are 0."""
    parts = {"dense": dense_part(separation, trust), "lexical": lexical_part(share)}
    spreads = {leg: float(part.std()) if len(part) else 0.0 for leg, part in parts.items()}
    total = sum(spreads.values())
    return {leg: spread / total if total else 0.0 for leg, spread in spreads.items()}


def dense_part(separation: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """A chunk without a vector is neither near nor far."""
    part: NDArray[np.float32] = np.nan_to_num(separation * trust)
    return part


def lexical_part(share: NDArray[np.float32]) -> NDArray[np.float32]:
    part: NDArray[np.float32] = np.float32(_STEEPNESS) * share * share
    return part
