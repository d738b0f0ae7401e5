"""From lines that know their place on the page to headings, paragraphs, lists and tables."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ingest.readers.building import PageBuilder
from ingest.readers.numbering import numbered_heading

_FIGURE = re.compile(r"[(\[]?[-–—$€£¥₩]{0,3}\(?\d[\d,.]*%?[)\]]*%?|[-–—]|\$|%|\)|N/?[AM]", re.I)
_BEFORE_FIGURE = re.compile(r"\(?[$€£¥₩]\(?")
_AFTER_FIGURE = re.compile(r"[)\]%]+")
_BULLET = re.compile(r"[•·▪◦●○■□▶※‣◆◇]|[-–*] |\(?\d{1,2}[.)] |\([a-zA-Z가-하]\) |[가-하][.)] |[①-⑳]")
_SENTENCE_END = tuple(".,;:!?。、")
_HEADING_CHARACTERS = 160
_HEADING_LINES = 3
_SHORT = 15  # ems; a column of running text is wider, a line of an address is not


@dataclass(frozen=True, kw_only=True)
class PageLine:
    """A line of a page; lengths in points."""

    text: str  # one line, without white space around it, never empty
    size: float  # of the type of its first character
    bold: bool  # its first and its last character
    left: float
    right: float
    base: float  # height of the base line over the lower edge of the page
    cells: tuple[str, ...] = ()  # what wide gaps take apart; () where there is none


@dataclass(frozen=True, kw_only=True)
class TypeArea:
    """What the pages of a document have in common."""

    size: float  # of the running text
    bold: bool
    margins: frozenset[
        str
    ]  # lines that repeat at the head or foot of pages, as `_edges` has them: no headings


def type_area(pages: Sequence[Sequence[PageLine]]) -> TypeArea:
    """Learned from a sample of pages; the running text is the type with the most characters."""
    types: Counter[tuple[float, bool]] = Counter()
    edges: Counter[str] = Counter()
    for lines in pages:
        for line in lines:
            types[round(line.size, 1), line.bold] += len(line.text)
        edges.update(_edges([line.text for line in lines[:2]], [line.text for line in lines[-2:]]))
    size, bold = max(types, key=lambda key: types[key], default=(0.0, False))
    return TypeArea(
        size=size, bold=bold, margins=frozenset(edge for edge, seen in edges.items() if seen >= 3)
    )


def _edges(heads: Sequence[str], feet: Sequence[str]) -> set[str]:
    """Feet carry page numbers, which differ; a head that differs in a figure may be that of a chapter."""
    return {*heads, *(re.sub(r"\d+", "#", foot) for foot in feet)}


def compose(lines: Sequence[PageLine], area: TypeArea, builder: PageBuilder) -> None:
    """Puts `lines`, in reading order, into `builder`."""
    runs = list(_wrapped(lines))
    kinds = [_heading_level(run, lines, area) or -tabular(run[0]) for run in runs]
    for index in range(len(kinds) - 1):
        if kinds[index] > 0 and runs[index + 1][0].text[0].islower():
            kinds[index] = 0  # larger type, but in the middle of a sentence
    for index in (*range(len(kinds)), *reversed(range(len(kinds)))):
        if kinds[index] == 0 and len(runs[index]) == 1 and _row_beside_rows(kinds, runs, index):
            kinds[index] = -1
    for kind, group in groupby(zip(kinds, runs, strict=True), key=lambda pair: pair[0]):
        same = [run for _, run in group]
        if kind > 0:
            for run in same:
                builder.heading(_joined(run), kind)
        elif kind < 0 and len(same) > 1:
            builder.rows(_row(run[0]) for run in same)
        else:
            _add_paragraphs(same, builder)


def tabular(line: PageLine) -> bool:
    """Whether it looks like a row: figures at its end, or gaps that no running text has."""
    if len(line.cells) > 2:
        return True
    words = line.text.split()
    if (
        all(_FIGURE.fullmatch(word) for word in words[-2:])
        and len(words) > 2
        and re.search(r"\d", "".join(words[-2:]))
    ):
        return True
    return line.right - line.left > 1.5 * natural_width(line)


def _row(line: PageLine) -> str:
    """The line as a row of cells; a sign that stands off its figure belongs to it."""
    cells: list[str] = []
    for cell in line.cells or (line.text,):
        if cells and (_BEFORE_FIGURE.fullmatch(cells[-1]) or _AFTER_FIGURE.fullmatch(cell)):
            cells[-1] += cell if _AFTER_FIGURE.fullmatch(cell) else f" {cell}"
        else:
            cells.append(cell)
    return " | ".join(cell.replace(" | ", " / ") for cell in cells)


def _row_beside_rows(kinds: Sequence[int], runs: Sequence[Sequence[PageLine]], index: int) -> bool:
    """Whether a line without figures belongs to a table: between two rows, or next to one and stretched."""
    rows = [kind == -1 for kind in kinds[max(index - 1, 0) : index + 2]]
    line = runs[index][0]
    stretched = bool(line.cells) or line.right - line.left > 1.25 * natural_width(line)
    return (len(rows) == 3 and rows[0] and rows[2]) or (stretched and any(rows))


def natural_width(line: PageLine) -> float:
    """About how wide its characters are when nothing stretches them."""
    if line.text.isascii():
        return line.size * 0.52 * len(line.text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line.text)
    return line.size * (wide + 0.52 * (len(line.text) - wide))


def _wrapped(lines: Sequence[PageLine]) -> Iterator[list[PageLine]]:
    """Lines in runs, each of which is one line that was too long for the page."""
    run: list[PageLine] = []
    for line in lines:
        if run and not _runs_on(run[-1], line, lines):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _runs_on(line: PageLine, following: PageLine, page: Sequence[PageLine]) -> bool:
    """Whether text goes on from one line to the next, because its next word had no room on the first."""
    if not _close(line, following) or line.right - line.left < _SHORT * line.size:
        return False
    if _BULLET.match(following.text) or tabular(line) or tabular(following):
        return False
    margin = max(other.right for other in page if abs(other.left - line.left) < 3 * line.size)
    word = following.text.split(" ", 1)[0]
    per_character = (following.right - following.left) / len(following.text)
    return margin - line.right < (len(word) + 1) * per_character + 0.1 * line.size


def _close(line: PageLine, following: PageLine) -> bool:
    """Whether the second stands right below the first, in about the same type."""
    leading = line.base - following.base
    same_type = abs(line.size - following.size) < 0.06 * max(line.size, following.size)
    return same_type and 0.5 * line.size < leading < 1.75 * line.size


def _heading_level(run: Sequence[PageLine], page: Sequence[PageLine], area: TypeArea) -> int:
    """1 to 6, or 0 for running text."""
    text = _joined(run)
    if not 2 <= len(text) <= _HEADING_CHARACTERS or len(run) > _HEADING_LINES or not _wordy(text):
        return 0
    if tabular(run[0]) or not area.margins.isdisjoint(_edges([text], [text])):
        return 0
    numbered = numbered_heading(text)
    if numbered and numbered[1] == len(text):
        return numbered[0]
    if text.endswith(_SENTENCE_END) or text[0].islower() or _BULLET.match(text):
        return 0
    level = _level_by_type(run, area)
    return level if level and _leads_column(run[0], page) else 0


def _level_by_type(run: Sequence[PageLine], area: TypeArea) -> int:
    size = min(line.size for line in run)
    for ratio, level in ((1.6, 1), (1.3, 2), (1.08, 3)):
        if area.size and size >= area.size * ratio:
            return level
    return 4 if all(line.bold for line in run) and not area.bold and size >= area.size * 0.95 else 0


def _leads_column(line: PageLine, page: Sequence[PageLine]) -> bool:
    """Whether it begins where other lines do, or stands in the middle; heads of table columns do neither."""
    left, right = min(other.left for other in page), max(other.right for other in page)
    if abs((line.left + line.right) - (left + right)) < 0.08 * (right - left):
        return True
    beside = sum(abs(other.left - line.left) < 1.5 * line.size for other in page)
    return line.left - left < 1.5 * line.size or beside >= 4


def _wordy(text: str) -> bool:
    letters = sum(character.isalpha() for character in text)
    return letters >= 2 and letters * 2 >= len(text.replace(" ", ""))


def _joined(run: Sequence[PageLine]) -> str:
    text = run[0].text
    for line in run[1:]:
        text += line.text if re.search(r"\w-$", text) else f" {line.text}"
    return text


def _add_paragraphs(runs: Sequence[Sequence[PageLine]], builder: PageBuilder) -> None:
    """Runs that stand close together become one paragraph of several lines."""
    text = ""
    for index, run in enumerate(runs):
        words = _joined(run)
        if (
            text
            and _close(runs[index - 1][-1], run[0])
            and not _BULLET.match(words)
            and not numbered_heading(words)
        ):
            text += f"\n{words}"
        else:
            _add_paragraph(text, builder)
            text = words
    _add_paragraph(text, builder)


def _add_paragraph(text: str, builder: PageBuilder) -> None:
    found = numbered_heading(text)
    if found:  # an article's title at the head of its first paragraph
        level, length = found
        builder.heading(text[:length], level)
        text = text[length:].strip()
    if _BULLET.match(text):
        builder.listing(text)
    else:
        builder.paragraph(text)
