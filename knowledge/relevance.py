"""How sure a search may be that a passage bears on the question."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DEFAULT_FLOOR = 0.25  # of one passage
# Of the best passage, below which a base is taken not to hold the answer (bench/retrieval.py, set refusal).
ANSWERABLE = 0.38


def coverage(
    present: Mapping[str, NDArray[np.bool_]], weights: Mapping[str, float], count: int
) -> NDArray[np.float32]:
    """The share of the question's terms, by their weight, that each of `count` chunks has."""
    total = sum(weights.values())
    covered = np.zeros(count, np.float32)
    for term, where in present.items():
        covered += np.float32(weights[term]) * where
    return covered / np.float32(total) if total else covered


def relevance(coverage: NDArray[np.float32], cosine: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..1, from what is absolute: neither depends on the other candidates."""
    return np.clip(0.6 * coverage + 0.6 * np.maximum(np.nan_to_num(cosine), 0), 0, 1).astype(np.float32)
