"""What a passage is made of: sentences, and rows of tables with their header and caption."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from knowledge.sentences import sentence_spans

Span = tuple[int, int]


class PieceKind(StrEnum):
    """What a piece of a passage is."""

    SENTENCE = "sentence"
    ROW = "row"  # of a table
    TITLE = "title"  # a heading, or the header or caption of a table: says nothing by itself


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a passage that can be quoted by itself."""

    kind: PieceKind
    span: Span  # in the passage's text
    header: str = ""  # of a row: the names of the columns
    caption: str = ""  # the heading or, of a row, the line above


_FIGURE = r"(?:[$€£¥₩]\s?)?[(\-–]?\d(?:[\d,.]*\d)?\)?(?:\s?%\)?)?"
_FIGURES = re.compile(rf"(?<=[^\W\d_]|[)\].:])(?:\s+(?:{_FIGURE}|[—–-]))+$")
_YEAR = re.compile(r"\b(?:FY ?)?(?:19|20)\d\d\b")
_FIGURE_ROWS = 3  # lines that end with figures: from here on they are a table, whatever is between them
_LONGEST_ROW = 160  # characters; longer lines are paragraphs
_LONGEST_CAPTION = 120
_ENDS_SENTENCE = re.compile(r"[.!?。:;]['\"”’)\]]*$")
_HEADING = re.compile(
    r"#{1,6}\s|\d+(?:\.\d+)+\.?\s|\d+\s+[A-Z가-힣]|제\s?\d+[조장절편관](?:의\d+)?\s*(?:\(|$|\s[^①])"
)
_LONGEST_HEADING = 80
_ITEM = re.compile(
    r"[-–*+•·▪■○●◦‣※>#]+\s|[(\[]?(?:\d{1,2}|[a-z]|[가-하])[.)\]]\s|[①-⑳㉠-㉻]|제\s?\d+[조장절항]"
)


def pieces_of(text: str) -> list[Piece]:
    """The pieces in reading order; what lies between two of them is white space."""
    found: list[Piece] = []
    heading = ""
    for block in _blocks(text):
        start, end = block[0][0], block[-1][1]
        if _is_heading(text[start:end]):
            heading = text[start:end]
            found.append(Piece(kind=PieceKind.TITLE, span=(start, end)))
        elif _is_table(text, block):
            found.extend(_rows(text, block, found))
        else:
            spans = ((start + first, start + last) for first, last in sentence_spans(text[start:end]))
            found.extend(Piece(kind=PieceKind.SENTENCE, span=span, caption=heading) for span in spans)
    return found


def _is_heading(block: str) -> bool:
    plain = len(block) <= _LONGEST_HEADING and "\n" not in block and not _ENDS_SENTENCE.search(block)
    return plain and _HEADING.match(block) is not None


def _blocks(text: str) -> Iterator[list[Span]]:
    """The stripped spans of lines, in groups that blank lines part, lines with cells apart from others."""
    block: list[Span] = []
    for match in re.finditer(r"[^\n]+|\n[^\S\n]*(?=\n)", text):
        line = match.group()
        if line.strip():
            start = match.start() + len(line) - len(line.lstrip())
            if block and _has_cells(text[slice(*block[-1])]) != _has_cells(line):
                yield block
                block = []
            block.append((start, start + len(line.strip())))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _is_table(text: str, block: Sequence[Span]) -> bool:
    """Whether the lines are rows: they have cells, or are short and neither sentences nor items."""
    lines = [text[slice(*line)] for line in block]
    if _has_cells(lines[0]):
        return True
    figures = sum(len(figures_of(line)[1]) > 1 for line in lines)
    if figures >= _FIGURE_ROWS and 2 * figures >= len(lines):
        return True
    return len(lines) >= 3 and not any(
        len(line) > _LONGEST_ROW or _ENDS_SENTENCE.search(line) or _ITEM.match(line) for line in lines
    )


def _caption(text: str, table: int) -> Span:
    """The line before the table, empty unless it could be a caption."""
    end = len(text[:table].rstrip())
    start = text.rfind("\n", 0, end) + 1
    line = text[start:end]
    is_caption = len(line) <= _LONGEST_CAPTION and not _has_cells(line) and not _ENDS_SENTENCE.search(line)
    return (start, end) if is_caption else (end, end)


def _header(lines: Sequence[str]) -> str:
    """The first line, when it holds at most half the numbers of the others; else the table began before."""
    counts = [len(re.findall(r"\d+(?:[.,]\d+)*", line)) for line in lines]
    others = sorted(counts[1:])
    is_header = bool(others) and (counts[0] == 0 or 2 * counts[0] <= others[len(others) // 2])
    return lines[0] if is_header else ""


def figures_of(line: str) -> tuple[str, list[str]]:
    """The words of a table's line, and the figures after them: its cells, though nothing parts them."""
    match = _FIGURES.search(line) if len(line) <= 2 * _LONGEST_ROW else None
    if match is None:
        return line, []
    found = re.findall(rf"{_FIGURE}|[—–-]", match.group())
    return line[: match.start()].rstrip(" :"), [figure.strip() for figure in found]


def years_of(header: str) -> list[str]:
    """The years that columns are named by."""
    return _YEAR.findall(header)


def _year_line(lines: Sequence[str]) -> str:
    """The line that names columns by years, above the first line with as many figures; "" for none."""
    named = ""
    for line in lines:
        if named and len(figures_of(line)[1]) == len(years_of(named)):
            return named
        if len(years_of(line)) > 1:
            named = line
    return ""


def _has_cells(line: str) -> bool:
    return " | " in line or line.startswith("|")


def _rows(text: str, block: Sequence[Span], before: list[Piece]) -> Iterator[Piece]:
    """The rows under their header. The line before, if it is short, becomes the caption."""
    caption = _caption(text, block[0][0])
    for at, piece in enumerate(before):
        if caption[0] <= piece.span[0] < caption[1]:
            before[at] = Piece(kind=PieceKind.TITLE, span=piece.span)
    lines = [text[slice(*line)] for line in block]
    years = _year_line(lines)
    header = years or _header(lines)
    says = r"[^\W\d_]" if years else r"[^\W_]"  # a sum without a name says nothing by itself
    above = lines.index(years) if years else -1
    for at, line in enumerate(block):
        content = text[slice(*line)]
        if at < above or content == header or not re.search(says, content):
            yield Piece(kind=PieceKind.TITLE, span=line)
        else:
            yield Piece(kind=PieceKind.ROW, span=line, header=header, caption=text[slice(*caption)])
