"""Whether the sentences that the quoting answerer chooses hold the answer.

    python -m bench.quoting --data PATH [--questions 600] [--quick] [--embedder NAME] [--cache FOLDER]

On XQuAD (English) and KorQuAD 1.0 dev: each article is a document, each paragraph a page; questions are
searched and answered as the service does. Columns, over the questions whose paragraph is among the passages:
the share whose quotes contain the answer (white space, case and Unicode form folded) for Doumi and for two
naive answerers on the same passages, the number of sentences quoted, the share declined, and the time to
choose. The last column asks the same questions with their article left out of the search: the share that is
declined, floor included. `--cache` keeps what was embedded between runs.
"""

import argparse
import json
import random
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from bench.comparison.kept import Kept, KeptEmbedder, folder
from ingest.chunks import chunk_pages
from knowledge.base import KnowledgeBase
from knowledge.documents import Page, Passage
from knowledge.embeddings import Embedder, open_embedder
from knowledge.search import search
from knowledge.sentences import sentence_spans
from service.quotes import Source, choose

SETS = {"XQuAD English": "english/xquad_en.json", "KorQuAD": "korean/korquad_v1_dev.json"}
_K = 8  # passages, as the service offers them
_QUOTED = 3


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question of the set, and where its answer stands."""

    question: str
    answers: tuple[str, ...]
    document: str  # id
    page: int


def main() -> None:
    """Measure both sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=600, help="of each set, drawn by a fixed seed")
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept between runs")
    parser.add_argument("--quick", action="store_true", help="150 questions of each set")
    arguments = parser.parse_args()
    with folder(arguments.cache) as cache, Kept(cache / "embeddings.sqlite") as kept:
        embedder = KeptEmbedder(open_embedder(arguments.embedder, cache=cache / "models"), kept)
        _table(arguments.data, embedder, min(arguments.questions, 150 if arguments.quick else 10**6))


def _table(data: Path, embedder: Embedder, questions: int) -> None:
    names = ("found", "Doumi", "first 3", "dense 3", "quoted", "declined", "ms", "absent: declined")
    print(f"{'':<16}" + "".join(f"{name:>{max(9, len(name) + 2)}}" for name in names))
    for title, path in SETS.items():
        with tempfile.TemporaryDirectory() as made:
            base = KnowledgeBase.open(Path(made), embedder=embedder)
            asked = _load(base, data / path)
            random.Random(7).shuffle(asked)
            figures = _measure(base, asked[:questions])
            base.close()
        cells = (f"{figure:>{max(9, len(name) + 2)}}" for name, figure in zip(names, figures, strict=True))
        print(f"{title:<16}" + "".join(cells), flush=True)


def _load(base: KnowledgeBase, path: Path) -> list[Asked]:
    """The paragraphs into the base; the questions back."""
    asked: list[Asked] = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        texts = [_nfc(paragraph["context"]) for paragraph in article["paragraphs"]]
        document = _add(base, _nfc(article["title"]).replace("_", " "), texts)
        for number, paragraph in enumerate(article["paragraphs"], 1):
            for each in paragraph["qas"]:
                answers = tuple(_nfc(answer["text"]) for answer in each["answers"])
                asked.append(
                    Asked(question=_nfc(each["question"]), answers=answers, document=document, page=number)
                )
    return asked


def _add(base: KnowledgeBase, name: str, texts: Sequence[str]) -> str:
    whole = "\f".join(texts).encode()
    upload = base.folder.parent / f"{base.folder.name}.upload"
    upload.write_bytes(whole)
    digest = sha256(whole).hexdigest()
    document = base.accept(
        upload, name=f"{name}.txt", media_type="text/plain", sha256=digest, size=len(whole)
    )
    pages = [Page(number=at, label=f"page {at}", text=text) for at, text in enumerate(texts, 1)]
    work = base.pending(document.id, digest)
    work.stage_pages(pages, [])
    work.stage_chunks(chunk_pages(pages, count_tokens=base.embedder.count_tokens))
    while batch := work.unembedded(64):
        work.stage_vectors(
            [at for at, _ in batch], base.embedder.encode_documents([text for _, text in batch])
        )
    work.publish()
    return document.id


def _measure(base: KnowledgeBase, asked: Sequence[Asked]) -> list[str]:
    documents = {each.document for each in asked}
    dense = _DenseSentences(base.embedder)
    found = held = first = near = quoted = declined = absent = 0
    spent = 0.0
    for each in asked:
        elsewhere = search([base], each.question, k=_K, document_ids=documents - {each.document})
        absent += not choose(each.question, _sources(elsewhere.passages))
        passages = search([base], each.question, k=_K).passages
        if not any((p.document_id, p.chunk.page) == (each.document, each.page) for p in passages):
            continue
        found += 1
        began = time.process_time()
        quotes = [quote.text for quote in choose(each.question, _sources(passages), at_most=_QUOTED)]
        spent += time.process_time() - began
        quoted += len(quotes)
        declined += not quotes
        held += _holds(quotes, each.answers)
        first += _holds(_sentences(passages[0])[:_QUOTED], each.answers)
        near += _holds(dense.nearest(each.question, passages), each.answers)
    shares = [found / len(asked), *(count / found for count in (held, first, near, quoted, declined))]
    percent = [f"{100 * share:.1f}" for share in shares]
    return [
        *percent[:4],
        f"{shares[4]:.2f}",
        percent[5],
        f"{1000 * spent / found:.1f}",
        f"{100 * absent / len(asked):.1f}",
    ]


class _DenseSentences:
    """The three sentences nearest to the question by the embedder alone."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, np.ndarray] = {}

    def nearest(self, question: str, passages: Sequence[Passage]) -> list[str]:
        sentences = list(dict.fromkeys(text for passage in passages for text in _sentences(passage)))
        fresh = [text for text in sentences if text not in self._known]
        if fresh:
            self._known.update(zip(fresh, self._embedder.encode_documents(fresh), strict=True))
        scores = np.stack([self._known[text] for text in sentences]) @ self._embedder.encode_query(question)
        return [sentences[at] for at in np.argsort(-scores)[:_QUOTED]]


def _sources(passages: Sequence[Passage]) -> list[Source]:
    return [Source(label=label, passage=passage) for label, passage in enumerate(passages, 1)]


def _sentences(passage: Passage) -> list[str]:
    return [passage.chunk.text[start:end] for start, end in sentence_spans(passage.chunk.text)]


def _holds(sentences: Sequence[str], answers: Sequence[str]) -> bool:
    text = _folded(" ".join(sentences))
    return any(_folded(answer) in text for answer in answers)


def _folded(text: str) -> str:
    return " ".join(_nfc(text).casefold().split())


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


if __name__ == "__main__":
    main()
