"""Two opinions on the same chunks, dense and lexical, made into one ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each leg counts."""

    dense: float
    lexical: float


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
