"""One search over some knowledge bases."""

import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge import fusion, lexical, postings, relevance, rows
from knowledge.documents import Passage, Scores, SearchResult
from knowledge.embeddings import Embedder
from knowledge.vectors import Range, VectorIndex

CANDIDATES = 60  # of each leg and base


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A knowledge base at one generation."""

    connection: sqlite3.Connection
    index: VectorIndex
    embedder: Embedder
    chunks: int
    tokens: int


class Searchable(Protocol):
    def snapshot(self) -> AbstractContextManager[Snapshot]: ...


@dataclass(kw_only=True)
class _Candidates:
    """The chunks of one base that either leg put forward, with the scores of both."""

    snapshot: Snapshot
    chunks: NDArray[np.int64]
    dense: NDArray[np.float32]  # NaN where there is no vector: its document waits for a new embedder
    lexical: NDArray[np.float32]
    coverage: NDArray[np.float32]


def find(
    bases: Sequence[Searchable],
    query: str,
    *,
    k: int,
    floor: float | None,
    document_ids: Collection[str] | None,
) -> SearchResult:
    started = time.perf_counter()
    words = query.encode("utf-8", "ignore").decode()  # without lone surrogates
    answerable = relevance.ANSWERABLE if floor is None else 0.0
    floor = relevance.DEFAULT_FLOOR if floor is None else floor
    with ExitStack() as stack:
        snapshots = [stack.enter_context(base.snapshot()) for base in bases]
        candidates = _gather(snapshots, words, document_ids)
        pool = _pool(candidates)
        weights = _weights(snapshots, words, pool)
        passages = _rank(pool, weights, k, floor)
    answerability = max((passage.relevance for passage in passages[:k]), default=0.0)
    if answerability < answerable:
        floor = 1.1  # nothing here bears on the question: what little matches would only mislead
    return SearchResult(
        query=query,
        passages=tuple(passage for passage in passages if passage.relevance >= floor)[:k],
        below_floor=tuple(passage for passage in passages if passage.relevance < floor)[:k],
        answerability=answerability,
        took_ms=(time.perf_counter() - started) * 1000,
        weights={"dense": weights.dense, "lexical": weights.lexical},
    )


def _gather(
    snapshots: Sequence[Snapshot], query: str, document_ids: Collection[str] | None
) -> list[_Candidates]:
    terms = list(dict.fromkeys(lexical.terms(query)))
    found = [postings.lookup(snapshot.connection, terms) for snapshot in snapshots]
    total = sum(snapshot.chunks for snapshot in snapshots)
    average = sum(snapshot.tokens for snapshot in snapshots) / max(total, 1)
    weights = {
        term: lexical.idf(total, sum(len(each[term].chunks) for each in found if term in each))
        for term in terms
    }
    vectors = {
        id(s.embedder): s.embedder.encode_query(query)
        for s in {id(s.embedder): s for s in snapshots}.values()
    }
    return [
        _candidates(snapshot, postings_, weights, average, vectors[id(snapshot.embedder)], document_ids)
        for snapshot, postings_ in zip(snapshots, found, strict=True)
    ]


def _candidates(
    snapshot: Snapshot,
    found: dict[str, postings.Posting],
    weights: dict[str, float],
    average: float,
    vector: NDArray[np.float32],
    document_ids: Collection[str] | None,
) -> _Candidates:
    ranges = None if document_ids is None else _ranges(snapshot.connection, document_ids)
    lengths = postings.lengths(snapshot.connection)
    scores = np.zeros(len(lengths), np.float32)
    for term, posting in found.items():
        gain = lexical.bm25(posting.frequencies, lengths[posting.chunks], average)
        scores[posting.chunks] += np.float32(weights[term]) * gain
    near, _ = snapshot.index.search(vector, CANDIDATES, ranges)
    chunks = np.union1d(_top(scores, CANDIDATES, ranges), near)
    present = {term: np.isin(chunks, posting.chunks) for term, posting in found.items()}
    return _Candidates(
        snapshot=snapshot,
        chunks=chunks,
        dense=_cosines(snapshot, chunks, vector),
        lexical=scores[chunks],
        coverage=relevance.coverage(present, weights, len(chunks)),
    )


def _top(scores: NDArray[np.float32], count: int, ranges: Sequence[Range] | None) -> NDArray[np.int64]:
    if ranges is not None:
        allowed = np.zeros(len(scores), bool)
        for first, stop in ranges:
            allowed[first:stop] = True
        scores = np.where(allowed, scores, 0)
    best = np.argpartition(scores, -count)[-count:] if len(scores) > count else np.arange(len(scores))
    return best[scores[best] > 0].astype(np.int64)


def _cosines(
    snapshot: Snapshot, chunks: NDArray[np.int64], vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    marks = ",".join("?" * len(chunks))
    found = snapshot.connection.execute(
        f"SELECT chunk, vector FROM vectors WHERE chunk IN ({marks}) ORDER BY chunk",  # noqa: S608
        chunks.tolist(),
    ).fetchall()
    cosines = np.full(len(chunks), np.nan, np.float32)
    matrix = np.frombuffer(b"".join(row[1] for row in found), np.float16).reshape(len(found), len(vector))
    cosines[np.isin(chunks, [row[0] for row in found])] = matrix.astype(np.float32) @ vector
    return cosines


def _ranges(connection: sqlite3.Connection, document_ids: Collection[str]) -> list[Range]:
    marks = ",".join("?" * len(document_ids))
    found = connection.execute(
        "SELECT first_chunk, first_chunk + chunks FROM documents"  # noqa: S608
        f" WHERE chunks > 0 AND id IN ({marks})",
        list(document_ids),
    )
    return [(first, stop) for first, stop in found]


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """The candidates of all bases in one row of arrays."""

    owners: list[tuple[Snapshot, int]]  # and the chunk
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    coverage: NDArray[np.float32]


def _pool(candidates: Sequence[_Candidates]) -> _Pool:
    def joined(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)

    return _Pool(
        owners=[(each.snapshot, int(chunk)) for each in candidates for chunk in each.chunks],
        dense=joined([each.dense for each in candidates]),
        lexical=joined([each.lexical for each in candidates]),
        coverage=joined([each.coverage for each in candidates]),
    )


def _weights(snapshots: Sequence[Snapshot], query: str, pool: _Pool) -> fusion.Weights:
    """What each leg counts; of several embedders the one that knows the query's language least decides."""
    embedders = {id(snapshot.embedder): snapshot.embedder for snapshot in snapshots}.values()
    return fusion.weights_for(
        pieces=max((embedder.count_tokens([query])[0] for embedder in embedders), default=0),
        characters=sum(not character.isspace() for character in query),
        coverage=float(pool.coverage[np.argmax(pool.lexical)]) if pool.owners else 0.0,
    )


def _rank(pool: _Pool, weights: fusion.Weights, k: int, floor: float) -> list[Passage]:
    dense = pool.dense
    fused = fusion.fuse(dense, pool.lexical, weights)
    relevant = relevance.relevance(pool.coverage, dense)
    order = np.argsort(-fused, kind="stable")
    kept = [i for i in order if relevant[i] >= floor][:k]
    cut = [i for i in order if relevant[i] < floor][:k]
    return [
        _passage(
            *pool.owners[i],
            score=float(fused[i]),
            relevant=float(relevant[i]),
            scores=Scores(
                dense=None if np.isnan(dense[i]) else float(dense[i]),
                lexical=float(pool.lexical[i]),
                fused=float(fused[i]),
            ),
        )
        for i in sorted((*kept, *cut), key=lambda i: -fused[i])
    ]


def _passage(snapshot: Snapshot, chunk: int, *, score: float, relevant: float, scores: Scores) -> Passage:
    row = snapshot.connection.execute(
        "SELECT documents.id, name, ? - first_chunk AS ordinal, page, locator, section, start, stop, text"
        " FROM chunks JOIN documents ON documents.seq = chunks.document WHERE chunks.id = ?",
        (chunk, chunk),
    ).fetchone()
    return Passage(
        document_id=row["id"],
        document_name=row["name"],
        chunk=rows.chunk(row["ordinal"], tuple(row)[3:]),
        score=score,
        relevance=relevant,
        scores=scores,
    )
