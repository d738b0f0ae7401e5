"""How search behaves from a thousand chunks to a million: latency, recall, memory, opening.

    python -m bench.scale [--sizes 1000,10000,100000,1000000] [--queries 60] [--out bench/results]

Needs no data: the chunks are made. Words follow Zipf's law over 50,000 of them, and each chunk has a name of
its own to ask for; vectors lie in heaps, as those of texts do. They go in through the knowledge base, in
documents of a thousand chunks, so tables, postings and index are the real ones; only reading and embedding
are left out. A question is embedded by the real model. Each size is measured in a process of its own.

recall@10: of the ten nearest by comparing with every vector. named: a chunk asked for by its name and two
common words is the first. MiB: memory that the base adds, and its files of vectors. opening: seconds, and the
share of those files that was read for it.
"""

import argparse
import csv
import hashlib
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.base import KnowledgeBase
from knowledge.documents import Chunk, DocumentStatus, Page, Progress
from knowledge.embeddings import DEFAULT_MODEL, Embedder, open_embedder
from knowledge.search import search

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_DOCUMENT = 1_000  # chunks
_WORDS = 60  # of a chunk
_VOCABULARY = 50_000
_HEAPS = 2_000
_SPREAD = 0.9  # length of what sets a vector apart from the middle of its heap, which has length 1
_PATIENCE_S = 900  # for the clusters of a million
_COLUMNS = (
    *("chunks", "p50_ms", "p95_ms", "index_ms", "recall_at_10", "named", "added_mib", "vectors_mib"),
    *("mib_per_million", "open_s", "read_share", "ingest_s"),
)


def main() -> None:
    """Measure each size, print the table, write CSV and PNG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--cache", type=Path, default=Path("data/models"), help="converted models")
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.size:
        print(json.dumps(_measure(arguments.size, arguments.queries, arguments.cache, arguments.folder)))
        return
    rows = []
    print("".join(f"{name:>16}" for name in _COLUMNS))
    for size in map(int, arguments.sizes.split(",")):
        rows.append(_in_a_process(size, arguments))
        print("".join(f"{rows[-1][name]:>16}" for name in _COLUMNS), flush=True)
    _write(rows, arguments.out)


def _in_a_process(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.scale", "--size", str(size), "--folder", folder]
        command += ["--queries", str(arguments.queries), "--cache", str(arguments.cache)]
        _build(size, Path(folder), open_embedder(DEFAULT_MODEL, cache=arguments.cache))
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


# Making a base


def _vector_rows(document: int, count: int, dimensions: int) -> NDArray[np.float32]:
    heaps = _unit(np.random.default_rng(1).standard_normal((_HEAPS, dimensions)))
    rng = np.random.default_rng([2, document])
    rows = heaps[rng.integers(0, _HEAPS, count)] + _SPREAD * _unit(rng.standard_normal((count, dimensions)))
    return _unit(rows)


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _texts(document: int, count: int) -> list[str]:
    rng = np.random.default_rng([3, document])
    ranks = np.minimum(rng.zipf(1.2, (count, _WORDS)), _VOCABULARY)
    return [
        f"{_name(document, at)} "
        + " ".join(f"w{rank:x}" if rank > 40 else _COMMON[rank % len(_COMMON)] for rank in row)
        for at, row in enumerate(ranks.tolist())
    ]


def _name(document: int, at: int) -> str:
    return f"case{document}n{at}"


_COMMON = tuple(
    re.findall(
        r"\w+",
        "the of and a to in is you that it he was for on are as with his they at be this have from or one "
        "had by word but not what all were we when your can said there",
    )
)


def _chunks(texts: list[str]) -> Iterator[Chunk]:
    for at, text in enumerate(texts):
        yield Chunk(
            ordinal=at, page=1, locator="page 1", section=(), text=text, start=0, end=max(1, len(text))
        )


def _build(size: int, folder: Path, embedder: Embedder) -> None:
    began = time.perf_counter()
    base = KnowledgeBase.open(folder / "base", embedder=embedder)
    for document in range(size // _DOCUMENT):
        texts = _texts(document, _DOCUMENT)
        upload = folder / "upload"
        upload.write_text(f"document {document}", encoding="utf-8")
        sha256 = hashlib.sha256(upload.read_bytes()).hexdigest()
        found = base.accept(
            upload, name=f"{document}.txt", media_type="text/plain", sha256=sha256, size=upload.stat().st_size
        )
        work = base.pending(found.id, sha256)
        work.report(DocumentStatus.READING, Progress(pages_read=0, pages_total=1))
        work.stage_pages([Page(number=1, label="page 1", text="made for a bench")], [])
        work.stage_chunks(list(_chunks(texts)))
        work.stage_vectors(range(_DOCUMENT), _vector_rows(document, _DOCUMENT, embedder.dimensions))
        work.publish()
    _wait_for_clusters(base)
    base.close()
    (folder / "took").write_text(f"{time.perf_counter() - began:.1f}")


def _wait_for_clusters(base: KnowledgeBase) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with base.snapshot() as snapshot:
            if not snapshot.index.is_clustering:
                return
        time.sleep(0.2)


# Measuring one


def _measure(size: int, queries: int, cache: Path, folder: Path) -> dict[str, Any]:
    embedder = open_embedder(DEFAULT_MODEL, cache=cache)
    embedder.encode_query("warm")
    before, read, began = _resident_mib(), _bytes_read(), time.perf_counter()
    base = KnowledgeBase.open(folder / "base", embedder=embedder)
    opening, read = time.perf_counter() - began, _bytes_read() - read
    files = sum(path.stat().st_size for path in (folder / "base").glob("index*"))
    rng = np.random.default_rng(4)
    asked = [(int(rng.integers(size // _DOCUMENT)), int(rng.integers(_DOCUMENT))) for _ in range(queries)]
    search([base], "warm the caches", k=4)
    times, first = [], 0
    for document, at in asked:
        question = f"What was said of {_name(document, at)} and the word that they had?"
        started = time.perf_counter()
        found = search([base], question, k=4, floor=0.0)
        times.append((time.perf_counter() - started) * 1000)
        first += bool(found.passages) and found.passages[0].chunk.text.startswith(_name(document, at) + " ")
    index_ms, recall = _index_alone(base, asked, embedder.dimensions)
    added = _resident_mib() - before
    base.close()
    ordered = sorted(times)
    return {
        "chunks": size,
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
        "index_ms": round(index_ms, 2),
        "recall_at_10": round(recall, 3),
        "named": round(first / queries, 2),
        "added_mib": round(added),
        "vectors_mib": round(files / 2**20, 1),
        "mib_per_million": round(files / 2**20 * 1e6 / size),
        "open_s": round(opening, 2),
        "read_share": round(read / max(files, 1), 2),
        "ingest_s": float((folder / "took").read_text()),
    }


def _index_alone(base: KnowledgeBase, asked: list[tuple[int, int]], dimensions: int) -> tuple[float, float]:
    """Median milliseconds of the vector index, and recall@10 of its candidates as a search uses them."""
    from knowledge.search import CANDIDATES

    rng = np.random.default_rng(5)
    questions = np.stack([_vector_rows(document, _DOCUMENT, dimensions)[at] for document, at in asked])
    questions = _unit(questions + 0.5 * _unit(rng.standard_normal(questions.shape)))
    times, shares = [], []
    with base.snapshot() as snapshot:
        exact = _exact(snapshot.connection, questions)
        for question, nearest in zip(questions, exact, strict=True):
            started = time.perf_counter()
            ids, _ = snapshot.index.search(question, CANDIDATES)
            times.append((time.perf_counter() - started) * 1000)
            shares.append(len(set(ids.tolist()) & set(nearest.tolist())) / len(nearest))
    return statistics.median(times), statistics.mean(shares)


def _exact(connection: Any, questions: NDArray[np.float32]) -> NDArray[np.int64]:
    """The ids of the ten nearest by comparing with every vector."""
    ids, scores = np.empty((len(questions), 0), np.int64), np.empty((len(questions), 0), np.float32)
    rows = connection.execute("SELECT chunk, vector FROM vectors")
    while some := rows.fetchmany(50_000):
        matrix = np.frombuffer(b"".join(row[1] for row in some), np.float16).reshape(len(some), -1)
        chunks = np.array([row[0] for row in some], np.int64)
        ids = np.hstack([ids, np.broadcast_to(chunks, (len(questions), len(chunks)))])
        scores = np.hstack([scores, questions @ matrix.astype(np.float32).T])
        best = np.argsort(-scores, axis=1)[:, :10]
        ids, scores = np.take_along_axis(ids, best, 1), np.take_along_axis(scores, best, 1)
    return ids


def _resident_mib() -> float:
    """Memory of this process that is not the mapped part of a file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


# Telling


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "scale.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    _plot(rows, out / "scale.png")
    print(f"written: {out / 'scale.csv'}, {out / 'scale.png'}")


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = [row["chunks"] for row in rows]
    figure, panels = pyplot.subplots(1, 3, figsize=(13, 4))
    for panel, title, series in (
        (panels[0], "a search, ms", ("p50_ms", "p95_ms", "index_ms")),
        (panels[1], "quality", ("recall_at_10", "named")),
        (panels[2], "memory, MiB", ("added_mib", "vectors_mib")),
    ):
        for name in series:
            panel.plot(sizes, [row[name] for row in rows], marker="o", label=name)
        panel.set(xscale="log", xlabel="chunks", title=title)
        panel.legend()
        panel.grid(alpha=0.3)
    panels[1].set_ylim(0, 1.05)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
