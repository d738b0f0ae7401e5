"""The best chunks by BM25, exactly, without reading the long lists of frequent words whole.

Terms are added up rarest first. As soon as those left could not lift a chunk that has none of the others into
the best, they are looked up only for the chunks that are still in the running (MaxScore: Turtle and Flood,
"Query evaluation: strategies and optimizations", 1995).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge import lexical
from knowledge.postings import Posting
from knowledge.vectors import Range

Vector = NDArray[np.float32]

_LONG = 20_000  # entries: a shorter list is not worth the look whether it can be spared
_FEW = 20_000  # chunks in the running for which a list is looked up rather than read


class Scoring:
    """One question's terms over the chunks of one base.

    `lengths`: terms of each chunk, by chunk id. `average`: of them. `weights`: of each term, idf included.
    """

    def __init__(
        self, found: Mapping[str, Posting], weights: Mapping[str, float], lengths: Vector, average: float
    ) -> None:
        self._found = found
        self._weights = weights
        self._lengths = lengths
        self._average = average
        self._sums = np.zeros(len(lengths), np.float32)  # of the terms that were read whole
        self._left = sorted(found, key=lambda term: -weights[term])  # those that were not, heaviest first

    def best(self, count: int, within: Sequence[Range] | None) -> NDArray[np.int64]:
        """The `count` chunks with the highest scores, of those that have any; by chunk id."""
        allowed = None if within is None else _allowed(within, len(self._sums))
        running: NDArray[np.int64] | None = None
        while self._left and running is None:
            self._read(self._left.pop(0))
            if self._left and len(self._found[self._left[0]]) > _LONG:
                running = self._running(count, allowed)
        if running is None:
            running = np.flatnonzero(self._sums if allowed is None else self._sums * allowed)
        scores = self.scores(running)
        if len(running) > count:
            running = np.sort(running[np.argpartition(scores, -count)[-count:]])
        return running

    def scores(self, chunks: NDArray[np.int64]) -> Vector:
        """The scores of these chunks, ascending by id. Call after `best`."""
        scores: Vector = self._sums[chunks]
        for term in self._left:
            frequencies = self._found[term].frequencies_of(chunks)
            scores += self._gain(term, frequencies, self._lengths[chunks])
        return scores

    def _read(self, term: str) -> None:
        posting = self._found[term]
        self._sums[posting.chunks] += self._gain(term, posting.frequencies, self._lengths[posting.chunks])

    def _gain(self, term: str, frequencies: Vector, lengths: Vector) -> Vector:
        return np.float32(self._weights[term]) * lexical.bm25(term, frequencies, lengths, self._average)

    def _running(self, count: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64] | None:
        """The chunks that can still be among the best, if they are few and the rest can be spared."""
        sums = self._sums if allowed is None else self._sums * allowed
        scored = sums[sums > 0]
        if len(scored) < count:
            return None
        least = float(np.partition(scored, -count)[-count])
        rest = sum(self._weights[term] for term in self._left)  # a term adds less than its weight
        if least <= rest:
            return None
        running = np.flatnonzero(sums >= np.float32(least - rest))
        return running if len(running) <= _FEW else None


def _allowed(within: Sequence[Range], chunks: int) -> NDArray[np.bool_]:
    allowed = np.zeros(chunks, bool)
    for first, stop in within:
        allowed[first:stop] = True
    return allowed
