"""The text of an example document, before it becomes a PDF, a DOCX or a HWPX.

A source is Markdown with a front matter that names the file it becomes. The Markdown is a small part of the
language: headings, paragraphs, lists, pipe tables (a line `: caption` before one is its caption), notes after
`> `, and `**bold**`. Korean regulations number their paragraphs ①, 1., 가.: those are list markers here.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import yaml

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_HEADING = re.compile(r"(#{1,3}) (.+)")
_MARKERS = (  # by depth of the list
    re.compile(r"([①-⑳]) (.+)", re.DOTALL),
    re.compile(r"(-|\d{1,2}\.) (.+)", re.DOTALL),
    re.compile(r"([가나다라마바사아자차카타파하]\.) (.+)", re.DOTALL),
)
_STARTS_A_BLOCK = re.compile(r"#{1,3} |[①-⑳] |- |\d{1,2}\. |[가나다라마바사아자차카타파하]\. |\||> |: ")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


@dataclass(frozen=True, kw_only=True)
class Heading:
    level: int  # 1..3
    text: str


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    text: str


@dataclass(frozen=True, kw_only=True)
class Item:
    marker: str  # "-", "2.", "①", "가."
    depth: int  # 0..2
    text: str


@dataclass(frozen=True, kw_only=True)
class Note:
    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    caption: str
    rows: tuple[tuple[str, ...], ...]  # the first is the header


Element = Heading | Paragraph | Item | Note | Table


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document as text."""

    file: str  # the name of the document that it becomes
    title: str
    subtitle: str
    publisher: str
    edition: str
    language: str  # "en" or "ko"
    elements: tuple[Element, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A stretch of text in one weight."""

    text: str
    bold: bool


def read_source(path: Path) -> Source | None:
    """The source in a Markdown file; None for one without front matter, a document as it stands."""
    text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
    front = _FRONT_MATTER.match(text)
    if front is None:
        return None
    meta: dict[str, str] = yaml.safe_load(front.group(1))
    return Source(**meta, elements=tuple(_elements(text[front.end() :])))


def runs(text: str) -> list[Run]:
    """The text in its weights: `**bold**` is bold."""
    pieces = _BOLD.split(text)
    return [Run(text=piece, bold=index % 2 == 1) for index, piece in enumerate(pieces) if piece]


def _elements(body: str) -> Iterator[Element]:
    caption = ""
    for is_table, blocks in groupby(_blocks(body), key=lambda block: block.startswith("|")):
        if is_table:
            yield Table(caption=caption, rows=tuple(_rows(blocks)))
            caption = ""
            continue
        for block in blocks:
            if block.startswith(": "):
                caption = block[2:]
            else:
                yield _element(block)


def _blocks(body: str) -> Iterator[str]:
    """Lines that belong together, joined; a table's lines come one by one."""
    lines: list[str] = []
    for line in [*body.splitlines(), ""]:
        if line.startswith("> ") and lines and lines[0].startswith("> "):
            line = line[2:]
        if lines and (not line.strip() or _STARTS_A_BLOCK.match(line)):
            yield " ".join(lines)
            lines = []
        if line.strip():
            lines.append(line.strip())


def _element(block: str) -> Element:
    if heading := _HEADING.fullmatch(block):
        return Heading(level=len(heading.group(1)), text=heading.group(2))
    if block.startswith("> "):
        return Note(text=block[2:])
    for depth, pattern in enumerate(_MARKERS):
        if item := pattern.fullmatch(block):
            return Item(marker=item.group(1), depth=depth, text=item.group(2))
    return Paragraph(text=block)


def _rows(lines: Iterator[str]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if not all(set(cell) <= set("-:") for cell in cells):
            yield cells
