"""The sets of questions, and what says that a passage is right (the data's README defines the metrics)."""

import json
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.cage import read_pages
from knowledge.documents import Page


@dataclass(frozen=True, kw_only=True)
class Found:
    """A passage of whichever pipeline, as the metrics see it."""

    document: str
    page: int
    text: str
    start: int = 0  # in the page's text


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question, and what says that a passage is right."""

    question: str
    is_right: Callable[[Found], bool]
    places: frozenset[tuple[str, int]]  # documents and pages with the evidence
    spans: tuple[tuple[str, str], ...] = ()  # document and text of the evidence, where the set gives it


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is searched: documents as pages, and the questions to them."""

    name: str
    documents: dict[str, list[Page]]
    cases: list[Case]
    whole_pages: bool = False  # every page is one chunk, as the Korean sets count by paragraph

    def without(self, documents: Iterable[str], name: str) -> "Corpus":
        """The same without some documents and without questions."""
        gone = set(documents)
        kept = {each: pages for each, pages in self.documents.items() if each not in gone}
        return Corpus(name=name, documents=kept, cases=[], whole_pages=self.whole_pages)


def english(data: Path, *, limit: int, quick: bool = False) -> Corpus:
    """Three corpora in Markdown; a passage is right that contains a reference whole."""
    folder = data / "english"
    names = ("chatlogs.md", "state_of_the_union.md", "wikitexts.md")
    documents = {name: read(folder / name, "text/markdown") for name in names}
    cases = [_english_case(row) for row in _rows(folder / "questions.jsonl")]
    return Corpus(name="english", documents=documents, cases=_drawn(cases, limit))


def _english_case(row: dict[str, Any]) -> Case:
    document = row["document"]
    wanted = [folded(each["content"]) for each in row["references"]]
    return Case(
        question=row["question"],
        is_right=lambda found: (
            found.document == document and any(each in folded(found.text) for each in wanted)
        ),
        places=frozenset({(document, 1)}),
        spans=tuple((document, each["content"]) for each in row["references"]),
    )


def xquad(data: Path, *, limit: int, quick: bool = False) -> Corpus:
    """240 English paragraphs."""
    return _squad("xquad", data / "english" / "xquad_en.json", limit=limit, articles=16 if quick else None)


def korquad(data: Path, *, limit: int, quick: bool = False) -> Corpus:
    """964 Korean paragraphs."""
    path = data / "korean" / "korquad_v1_dev.json"
    return _squad("korquad", path, limit=limit, articles=30 if quick else None)


def _squad(name: str, path: Path, *, limit: int, articles: int | None) -> Corpus:
    """Each article is a document, each paragraph a page; a passage is right by its paragraph."""
    documents: dict[str, list[Page]] = {}
    cases = []
    for number, article in enumerate(json.loads(path.read_text())["data"][:articles]):
        title = f"{nfc(article['title']).replace('_', ' ')} ({number}).txt"
        documents[title] = [
            Page(number=at, label=f"paragraph {at}", text=nfc(each["context"]))
            for at, each in enumerate(article["paragraphs"], 1)
        ]
        for at, each in enumerate(article["paragraphs"], 1):
            cases += [_paged(nfc(qa["question"]), {(title, at)}) for qa in each["qas"]]
    return Corpus(name=name, documents=documents, cases=_drawn(cases, limit), whole_pages=True)


def welfare(data: Path, *, limit: int, quick: bool = False) -> Corpus:
    """464 descriptions of public services, asked for in people's own words."""
    documents = {
        row["id"]: [Page(number=1, label="", text=nfc(row["text"]))]
        for row in _rows(data / "korean" / "welfare_corpus.jsonl")
    }
    cases = [
        _paged(nfc(row["question"]), {(each, 1) for each in row["relevant"]})
        for row in _rows(data / "korean" / "welfare_questions.jsonl")
    ]
    return Corpus(name="welfare", documents=documents, cases=_drawn(cases, limit), whole_pages=True)


def pdf(data: Path, *, limit: int, quick: bool = False) -> Corpus:
    """Seven company reports in one base; with `quick` the four short ones."""
    paths = sorted((data / "pdf").glob("*.pdf"), key=lambda path: path.stat().st_size)
    documents = {path.name: read(path, "application/pdf") for path in (paths[:4] if quick else paths)}
    cases = [
        _paged(row["question"], {(each["document"], each["page"]) for each in row["evidence"]})
        for row in _rows(data / "pdf" / "questions.jsonl")
        if row["document"] in documents
    ]
    return Corpus(name="pdf", documents=documents, cases=_drawn(cases, limit))


READERS = {"english": english, "xquad": xquad, "korquad": korquad, "welfare": welfare, "pdf": pdf}


def _paged(question: str, places: Iterable[tuple[str, int]]) -> Case:
    right = frozenset(places)
    return Case(question=question, is_right=lambda found: (found.document, found.page) in right, places=right)


def read(path: Path, media_type: str) -> list[Page]:
    """A file as the service reads it."""
    return list(read_pages(path, name=path.name, media_type=media_type).pages)


def folded(text: str) -> str:
    return " ".join(text.split())


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)


def _drawn(cases: Sequence[Case], limit: int) -> list[Case]:
    return list(cases) if len(cases) <= limit else random.Random(0).sample(cases, limit)
