"""One search over some knowledge bases."""

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge import fusion, lexical, postings, rows
from knowledge.documents import Passage, Scores, SearchResult
from knowledge.embeddings import Embedder
from knowledge.familiarity import Familiarity, kinds, spread
from knowledge.filters import Filter, both, of_documents, ranges
from knowledge.recipe import BaseSettings
from knowledge.relevance import ANSWERABLE, DEFAULT_FLOOR, relevance, telling_share
from knowledge.reranking import DEPTH, Rerankers, rerank
from knowledge.scoring import Scoring
from knowledge.variety import Place, varied
from knowledge.vectors import VectorIndex

Vector = NDArray[np.float32]

CANDIDATES = 60  # of each leg and base
_BELOW_FLOOR = 4  # passages that are told about
_VARIED = 40  # candidates at the head of the order, among which several pages are preferred to one


@dataclass(frozen=True, kw_only=True)
class Background:
    """Some chunks of a base, to see how far a cosine lies out."""

    vectors: Vector
    kinds: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A knowledge base at one generation."""

    connection: sqlite3.Connection
    index: VectorIndex
    embedder: Embedder
    chunks: int
    tokens: int
    lengths: Vector  # terms of each chunk, by chunk id
    background: Background
    familiarity: Familiarity


class Searchable(Protocol):
    """A knowledge base."""

    rerankers: Rerankers

    @property
    def settings(self) -> BaseSettings: ...

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A query as each leg asks it."""

    vectors: Mapping[int, Vector]  # by identity of the embedder
    kinds: Mapping[int, int]  # of its text, likewise
    spreads: Mapping[int, tuple[float, float]]  # of its cosines to the background, likewise
    weights: Mapping[str, float]  # of its terms, idf included
    mass: float  # of all of them: the highest possible score
    average: float  # terms of a chunk


@dataclass(frozen=True, kw_only=True)
class _Candidates:
    """Chunks that either leg put forward, with what both think of them. Parallel arrays."""

    owners: NDArray[np.int64]  # position of the base
    chunks: NDArray[np.int64]
    cosine: Vector  # NaN where there is no vector: its document waits for a new embedder
    separation: Vector  # of the cosine from those of the background, in standard deviations
    nearness: Vector  # 0 as unrelated texts, 1 as a sentence and its own text
    trust: Vector  # 0..1: how well the embedder knows the kinds of text of the chunk and of the question
    lexical: Vector  # BM25


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What is thought of the candidates, parallel to them."""

    scores: Vector  # what the order is by
    fused: Vector  # of both legs
    relevant: Vector  # 0..1


def search(
    bases: Sequence[Searchable],
    query: str,
    *,
    k: int = 8,
    floor: float | None = None,
    document_ids: Collection[str] | None = None,
    filter: Filter | None = None,
) -> SearchResult:
    """The passages of some knowledge bases that bear on a query, best first.

    `floor` is the relevance below which a passage is left out: 0.0 for none, None for that of the bases (the
    lowest that their editors set), else Doumi's own. The reranker is that of the first base that has one.
    `document_ids` and `filter` limit the search itself, so that k passages come back if k pass.
    """
    among = None if document_ids is None else of_documents(sorted(document_ids))
    wanted = both(filter, among)
    if floor is None:
        floor = _floor_of(bases)
    named = next(((base.rerankers, base.settings.reranker) for base in bases if base.settings.reranker), None)
    if named is None:
        return find(bases, query, k=k, floor=floor, wanted=wanted)
    rerankers, name = named
    state, reranker = rerankers.ready(str(name))
    if reranker is None:
        return replace(find(bases, query, k=k, floor=floor, wanted=wanted), reranking=state)
    return rerank(find(bases, query, k=max(k, DEPTH), floor=floor, wanted=wanted), reranker, k)


def _floor_of(bases: Sequence[Searchable]) -> float | None:
    return min((base.settings.floor for base in bases if base.settings.floor is not None), default=None)


def find(
    bases: Sequence[Searchable],
    query: str,
    *,
    k: int = 8,
    floor: float | None = None,
    wanted: Filter | None = None,
) -> SearchResult:
    """What both legs find, without a reranker; see `search`."""
    started = time.perf_counter()
    answerable = ANSWERABLE if floor is None else 0.0
    floor = DEFAULT_FLOOR if floor is None else floor
    words = query.encode("utf-8", "ignore").decode()  # without lone surrogates
    with ExitStack() as stack:
        snapshots = [stack.enter_context(base.snapshot()) for base in bases]
        question, found = _ask(snapshots, words)
        candidates = _join(
            [
                _candidates(position, snapshot, question, postings_, wanted)
                for position, (snapshot, postings_) in enumerate(zip(snapshots, found, strict=True))
            ]
        )
        share = candidates.lexical / np.float32(question.mass or 1)
        fused = fusion.fuse(candidates.separation, candidates.trust, share)
        telling = telling_share(chunks=sum(each.chunks for each in snapshots), terms=len(question.weights))
        relevant = relevance(share, candidates.nearness, candidates.trust, telling=telling)
        scores = _varied(snapshots, candidates, fused)
        order = np.argsort(-scores, kind="stable")
        answerability = float(relevant[order[:k]].max(initial=0.0))
        if answerability < answerable:
            floor = 1.1  # nothing here bears on the question: what little matches would only mislead
        kept = [at for at in order if relevant[at] >= floor][:k]
        cut = [at for at in order[:k] if relevant[at] < floor][:_BELOW_FLOOR]
        judged = _Judged(scores=scores, fused=fused, relevant=relevant)
        passages = [_passage(snapshots, candidates, judged, at) for at in (*kept, *cut)]
    top = order[:CANDIDATES]
    return SearchResult(
        query=query,
        passages=tuple(passages[: len(kept)]),
        below_floor=tuple(passages[len(kept) :]),
        answerability=answerability,
        took_ms=(time.perf_counter() - started) * 1000,
        weights=fusion.weights(candidates.separation[top], candidates.trust[top], share[top]),
    )


def _ask(snapshots: Sequence[Snapshot], query: str) -> tuple[_Question, list[dict[str, postings.Posting]]]:
    """The question, and the postings of its terms in each base. Rarity is that over all bases together."""
    terms = lexical.query_terms(query)
    found = [postings.lookup(snapshot.connection, terms) for snapshot in snapshots]
    total = sum(snapshot.chunks for snapshot in snapshots)
    counts = {term: sum(len(each[term]) for each in found if term in each) for term in terms}
    weights = {term: weight * lexical.idf(total, max(counts[term], 1)) for term, weight in terms.items()}
    embedders = {id(snapshot.embedder): snapshot.embedder for snapshot in snapshots}
    vectors = {key: embedder.encode_query(query) for key, embedder in embedders.items()}
    question = _Question(
        vectors=vectors,
        kinds={key: int(kinds(embedder, [query])[0]) for key, embedder in embedders.items()},
        spreads={key: spread(_background(snapshots, key, vector)) for key, vector in vectors.items()},
        weights=weights,
        mass=sum(weights.values()),
        average=sum(snapshot.tokens for snapshot in snapshots) / max(total, 1),
    )
    return question, found


def _background(snapshots: Sequence[Snapshot], embedder: int, vector: Vector) -> Vector:
    """The cosines of a question to chunks of the kinds that the embedder knows."""
    cosines = [np.empty(0, np.float32)]
    for snapshot in snapshots:
        if id(snapshot.embedder) == embedder:
            known = snapshot.familiarity.trust[snapshot.background.kinds] > 0
            cosines.append(snapshot.background.vectors[known] @ vector)
    return np.concatenate(cosines)


def _candidates(
    position: int,
    snapshot: Snapshot,
    question: _Question,
    found: Mapping[str, postings.Posting],
    wanted: Filter | None,
) -> _Candidates:
    within = None if wanted is None else ranges(snapshot.connection, wanted)
    vector = question.vectors[id(snapshot.embedder)]
    scoring = Scoring(found, question.weights, snapshot.lengths, question.average)
    near, _ = snapshot.index.search(vector, CANDIDATES, within)
    chunks = np.union1d(scoring.best(CANDIDATES, within), near)
    cosine, kinds_ = _cosines(snapshot.connection, chunks, vector)
    mean, deviation = question.spreads[id(snapshot.embedder)]
    familiarity = snapshot.familiarity
    own, other = familiarity.own[kinds_], familiarity.other[kinds_]
    asked = familiarity.trust[question.kinds[id(snapshot.embedder)]]
    return _Candidates(
        owners=np.full(len(chunks), position),
        chunks=chunks,
        cosine=cosine,
        separation=(cosine - np.float32(mean)) / np.float32(deviation),
        nearness=(cosine - other) / np.maximum(own - other, np.float32(0.05)),
        trust=familiarity.trust[kinds_] * asked,
        lexical=scoring.scores(chunks),
    )


def _cosines(
    connection: sqlite3.Connection, chunks: NDArray[np.int64], vector: Vector
) -> tuple[Vector, NDArray[np.int64]]:
    """The exact cosine of each chunk, and the kind of its text."""
    marks = ",".join("?" * len(chunks))
    found = connection.execute(
        f"SELECT chunk, kind, vector FROM vectors WHERE chunk IN ({marks}) ORDER BY chunk",  # noqa: S608
        chunks.tolist(),
    ).fetchall()
    cosines = np.full(len(chunks), np.nan, np.float32)
    kinds_ = np.zeros(len(chunks), np.int64)
    at = np.searchsorted(chunks, [row[0] for row in found])
    matrix = np.frombuffer(b"".join(row[2] for row in found), np.float16).reshape(len(found), len(vector))
    cosines[at] = matrix.astype(np.float32) @ vector
    kinds_[at] = [row[1] for row in found]
    return cosines, kinds_


def _join(parts: Sequence[_Candidates]) -> _Candidates:
    def floats(field: str) -> Vector:
        return np.concatenate([np.empty(0, np.float32), *(getattr(part, field) for part in parts)])

    def integers(field: str) -> NDArray[np.int64]:
        return np.concatenate([np.empty(0, np.int64), *(getattr(part, field) for part in parts)])

    return _Candidates(
        owners=integers("owners"),
        chunks=integers("chunks"),
        cosine=floats("cosine"),
        separation=floats("separation"),
        nearness=floats("nearness"),
        trust=floats("trust"),
        lexical=floats("lexical"),
    )


def _varied(snapshots: Sequence[Snapshot], candidates: _Candidates, fused: Vector) -> Vector:
    """The scores by which passages are put in order."""
    head = np.argsort(-fused, kind="stable")[:_VARIED]
    found: dict[tuple[int, int], Place] = {}
    for base, snapshot in enumerate(snapshots):
        chunks = candidates.chunks[head[candidates.owners[head] == base]].tolist()
        marks = ",".join("?" * len(chunks))
        for row in snapshot.connection.execute(
            "SELECT chunks.id, document, page, pages FROM chunks"  # noqa: S608
            f" JOIN documents ON documents.seq = chunks.document WHERE chunks.id IN ({marks})",
            chunks,
        ):
            found[base, row[0]] = Place(
                document=(base, row[1]), page=row[2], ordinal=row[0], one_page=row[3] == 1
            )
    scores = fused.copy()
    places = [found[int(candidates.owners[at]), int(candidates.chunks[at])] for at in head]
    scores[head] = varied(fused[head], places)
    return scores


def _passage(snapshots: Sequence[Snapshot], candidates: _Candidates, judged: _Judged, at: int) -> Passage:
    chunk = int(candidates.chunks[at])
    row = (
        snapshots[candidates.owners[at]]
        .connection.execute(
            "SELECT documents.id, name, ? - first_chunk AS ordinal, page, locator, section, start, stop, text"
            " FROM chunks JOIN documents ON documents.seq = chunks.document WHERE chunks.id = ?",
            (chunk, chunk),
        )
        .fetchone()
    )
    cosine = float(candidates.cosine[at])
    return Passage(
        document_id=row["id"],
        document_name=row["name"],
        chunk=rows.chunk(row["ordinal"], tuple(row)[3:]),
        score=float(judged.scores[at]),
        relevance=float(judged.relevant[at]),
        scores=Scores(
            dense=None if np.isnan(cosine) else cosine,
            lexical=float(candidates.lexical[at]),
            fused=float(judged.fused[at]),
        ),
    )
