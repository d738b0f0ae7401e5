"""Several pages rather than several pieces of one.

A reader who is given a page has the rest of it at hand, so a second passage from that page tells less than a
first one from another page that looks nearly as good. Text that is not parted into pages has no such rest:
there each passage counts by itself (measured: on such text every kind of variety costs right passages).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOSES = 0.2  # of its score, for each better passage from the page
_AT_MOST = 3  # times
_NEAR = 8  # chunks: as many as a printed page has; further apart a "page" is a long sheet


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a passage lies."""

    document: tuple[int, int]  # position of the base, row of the document
    page: int
    ordinal: int
    one_page: bool  # its document has no other


def varied(scores: NDArray[np.float32], places: Sequence[Place]) -> NDArray[np.float32]:
    """The scores of passages, best first, less what better passages from the same page take away."""
    left = scores.copy()
    for at, place in enumerate(places):
        before = sum(_shares_page(place, other) for other in places[:at])
        if before and scores[at] > 0:
            left[at] *= (1 - _LOSES) ** min(before, _AT_MOST)
    return left


def _shares_page(place: Place, other: Place) -> bool:
    return (
        not place.one_page
        and place.document == other.document
        and place.page == other.page
        and abs(place.ordinal - other.ordinal) <= _NEAR
    )
