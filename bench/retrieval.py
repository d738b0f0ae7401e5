"""How often the right passage is found: plain LangChain, BM25 on words, the dense leg alone, and Doumi.

    python -m bench.retrieval --data PATH [--set english] [--quick] [--cache FOLDER] [--limit 1500]

Sets: english, xquad, korquad, welfare, pdf, refusal; metrics as in the data's README. Plain is LangChain's
RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings and FAISS with the same model. Every column is
searched in this run; `--cache` only keeps what was embedded. Curves go to bench/results as CSV and PNG.
"""

import argparse
import csv
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.comparison.kept import Kept, KeptEmbedder, folder
from bench.comparison.sets import READERS, Case, Corpus, Found
from bench.comparison.systems import DEPTH, build_base, doumi, found, opened, plain, words
from knowledge.documents import Page
from knowledge.embeddings import Embedder, open_embedder
from knowledge.relevance import ANSWERABLE
from knowledge.search import search

__all__ = ["READERS", "build_base"]

SETS = (*READERS, "refusal")
REFUSED = ("english", "xquad", "korquad", "welfare", "pdf")  # sets that are asked without their documents
_PARTS = 3  # every document is absent from one
_K = 8  # passages, as the service offers them
_QUICK_LIMIT = 150
_WRONGLY = 0.05  # of the answerable, that may be declined
_COUNTED = 200  # questions whose passages' tokens are counted
_RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one search did on a set."""

    ranks: list[int | None]  # of the first right passage, from 1
    recall: tuple[float, float]  # of the evidence, in the first 4 and 10
    precision: float  # share of what the first 4 return that is evidence
    tokens: list[float]  # returned in the first 1, 2, ..., DEPTH, on average

    def share(self, depth: int) -> float:
        return sum(rank is not None and rank <= depth for rank in self.ranks) / len(self.ranks)

    def mrr(self) -> float:
        return sum(1 / rank for rank in self.ranks if rank and rank <= 10) / len(self.ranks)


ROWS: dict[str, Callable[[Column], str]] = {
    "@1": lambda column: f"{column.share(1):.3f}",
    "@4": lambda column: f"{column.share(4):.3f}",
    "@10": lambda column: f"{column.share(10):.3f}",
    "MRR@10": lambda column: f"{column.mrr():.3f}",
    "evidence recall@4": lambda column: f"{column.recall[0]:.3f}",
    "evidence recall@10": lambda column: f"{column.recall[1]:.3f}",
    "evidence precision@4": lambda column: f"{column.precision:.3f}",
    "tokens in 4": lambda column: f"{column.tokens[3]:.0f}",
}


def main() -> None:
    """Print a table per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, action="append")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept between runs")
    parser.add_argument("--limit", type=int, default=1500, help="questions of a set, drawn by a fixed seed")
    parser.add_argument("--quick", action="store_true", help="a part of each set, in a few minutes")
    parser.add_argument("--no-plain", action="store_true", help="leave the peer out, while working on Doumi")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data} is not there; this bench reads the shared data, see its README")
    warnings.filterwarnings("ignore", message=".*langchain-community.*")
    _RESULTS.mkdir(exist_ok=True)
    limit = min(arguments.limit, _QUICK_LIMIT) if arguments.quick else arguments.limit
    with folder(arguments.cache) as cache, Kept(cache / "embeddings.sqlite") as kept:
        embedder = KeptEmbedder(open_embedder("all-MiniLM-L6-v2", cache=cache / "models"), kept)
        for name in arguments.set or SETS:
            if name == "refusal":
                _refusal(arguments.data, embedder, limit=limit, quick=arguments.quick)
            else:
                corpus = READERS[name](arguments.data, limit=limit, quick=arguments.quick)
                _table(corpus, embedder, None if arguments.no_plain else kept)


def _table(corpus: Corpus, embedder: Embedder, kept: Kept | None) -> None:
    ranked: dict[str, list[list[Found]]] = {}
    if kept is not None:
        ranked["plain LangChain"] = plain(corpus, kept)
    ranked["BM25 words"] = words(corpus, embedder)
    with opened(corpus, embedder) as base:
        ranked |= doumi(base, corpus.cases)
        chunks = sum(document.chunks for document in base.documents(limit=100_000))
    columns = {name: _column(corpus, lists, embedder) for name, lists in ranked.items()}
    print(f"\n{corpus.name}: {len(corpus.cases)} questions, {chunks} chunks")
    print(f"{'':<22}" + "".join(f"{name:>17}" for name in columns))
    for row, shown in ROWS.items():
        print(f"{row:<22}" + "".join(f"{shown(column):>17}" for column in columns.values()), flush=True)
    curves = {
        name: [(column.tokens[depth - 1], column.share(depth)) for depth in range(1, DEPTH + 1)]
        for name, column in columns.items()
    }
    _plot(f"{corpus.name}-hits", curves, "tokens returned", "share of questions with a right passage")


def _column(corpus: Corpus, ranked: Sequence[Sequence[Found]], embedder: Embedder) -> Column:
    measure = _span_shares(corpus) if corpus.cases[0].spans else _place_shares
    ranks = [
        next((at for at, each in enumerate(passages, 1) if case.is_right(each)), None)
        for case, passages in zip(corpus.cases, ranked, strict=True)
    ]
    shares = {
        depth: np.mean(
            [measure(case, passages[:depth]) for case, passages in zip(corpus.cases, ranked, strict=True)],
            axis=0,
        )
        for depth in (4, 10)
    }
    counts = [
        np.cumsum(embedder.count_tokens([each.text for each in passages]) or [0])
        for passages in ranked[:_COUNTED]
    ]
    return Column(
        ranks=ranks,
        recall=(float(shares[4][0]), float(shares[10][0])),
        precision=float(shares[4][1]),
        tokens=[
            statistics.mean(float(count[min(at, len(count) - 1)]) for count in counts) for at in range(DEPTH)
        ],
    )


def _place_shares(case: Case, passages: Sequence[Found]) -> tuple[float, float]:
    """The share of the evidence's pages among the passages, and of the passages on one of them."""
    places = [(each.document, each.page) for each in passages]
    recall = len(case.places.intersection(places)) / len(case.places)
    return recall, sum(place in case.places for place in places) / max(len(places), 1)


def _span_shares(corpus: Corpus) -> Callable[[Case, Sequence[Found]], tuple[float, float]]:
    """The share of the evidence's characters that passages cover, and of theirs that are evidence.

    White space does not count, as readers and splitters treat it each in its way.
    """
    pages = {(name, page.number): _Solid(page) for name, pages in corpus.documents.items() for page in pages}

    def measure(case: Case, passages: Sequence[Found]) -> tuple[float, float]:
        wanted: set[tuple[str, int]] = set()
        for document, text in case.spans:
            wanted.update((document, at) for at in pages[document, 1].span(text))
        got: set[tuple[str, int]] = set()
        for each in passages:
            page = pages[each.document, each.page]
            got.update((each.document, at) for at in page.between(each.start, each.start + len(each.text)))
        shared = len(wanted & got)
        return shared / max(len(wanted), 1), shared / max(len(got), 1)

    return measure


class _Solid:
    """A page without its white space."""

    def __init__(self, page: Page) -> None:
        self.text = "".join(page.text.split())
        self._before = np.concatenate([[0], np.cumsum([not letter.isspace() for letter in page.text])])

    def span(self, text: str) -> range:
        """Where a text stands; nowhere if it does not."""
        solid = "".join(text.split())
        start = self.text.find(solid)
        return range(start, start + len(solid)) if start >= 0 else range(0)

    def between(self, start: int, end: int) -> range:
        return range(int(self._before[start]), int(self._before[min(end, len(self._before) - 1)]))


def _refusal(data: Path, embedder: Embedder, *, limit: int, quick: bool) -> None:
    """Questions asked of a base that holds their document, and of one that holds only the others."""
    print(f"\nrefusal: at the service's own floor ({ANSWERABLE}), and at the one that costs {_WRONGLY:.0%}")
    print(f"{'':<10}{'unanswerable declined':>23}{'answerable declined':>21}{'of those found':>16}", end="")
    print(f"{f'declined at {_WRONGLY:.0%}':>16}{'its floor':>11}{'questions':>11}")
    curves = {}
    for name in REFUSED:
        corpus = READERS[name](data, limit=limit // 3, quick=quick)
        absent = _absent(corpus, embedder)
        asked, right = [], []
        with opened(corpus, embedder) as base:
            for case in corpus.cases:
                result = search([base], case.question, k=_K, floor=0.0)
                asked.append(result.answerability)
                right.append(any(case.is_right(found(each)) for each in result.passages))
        gone, here, hit = np.array(absent), np.array(asked), np.array(right)
        floor = float(np.quantile(here[hit], _WRONGLY))
        cells = [
            f"{np.mean(gone < ANSWERABLE):>23.1%}",
            f"{np.mean(here < ANSWERABLE):>21.1%}",
            f"{np.mean(here[hit] < ANSWERABLE):>16.1%}",
            f"{np.mean(gone < floor):>16.1%}",
            f"{floor:>11.3f}",
            f"{len(here):>11}",
        ]
        print(f"{name:<10}" + "".join(cells), flush=True)
        floors = np.linspace(0, 1, 201)
        curves[name] = [(float(np.mean(here[hit] < each)), float(np.mean(gone < each))) for each in floors]
    _plot("refusal", curves, "answerable questions declined", "unanswerable questions declined")


def _absent(corpus: Corpus, embedder: Embedder) -> list[float]:
    """How answerable each question seems where its documents are left out."""
    names = list(corpus.documents)
    seems = []
    for part in range(_PARTS):
        gone = set(names[part::_PARTS])
        with opened(corpus.without(gone, f"{corpus.name}-{part}"), embedder) as base:
            seems += [
                search([base], case.question, k=_K).answerability
                for case in corpus.cases
                if {document for document, _ in case.places} <= gone
            ]
    return seems


def _plot(name: str, curves: dict[str, list[tuple[float, float]]], across: str, up: str) -> None:
    """Write the curves as CSV, and as a picture where matplotlib is installed."""
    with (_RESULTS / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["curve", across, up])
        writer.writerows((curve, *point) for curve, points in curves.items() for point in points)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("(no picture: pip install 'doumi[bench]' brings matplotlib)")
        return
    figure = Figure(figsize=(7, 5))
    axes: Any = figure.add_subplot()
    for curve, points in curves.items():
        axes.plot(*zip(*points, strict=True), label=curve, marker=".", markersize=4)
    axes.set(xlabel=across, ylabel=up, title=name, ylim=(0, 1.02), xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(_RESULTS / f"{name}.png", dpi=120)
    print(f"curve: bench/results/{name}.png, {name}.csv")


if __name__ == "__main__":
    main()
