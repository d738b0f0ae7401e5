"""Markdown: the text stays as it is, so that its lines are the file's; blocks are found in it."""

import re
from collections.abc import Iterator, Sequence

from ingest.readers.building import Source
from ingest.readers.lines import lines_of, text_of
from knowledge.documents import Block, BlockKind, Page

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_DELIMITER_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")

_Line = tuple[int, str]  # start in the text, content


def read(source: Source) -> Iterator[Page]:
    text = text_of(source)
    source.total(1)
    yield Page(number=1, label="", text=text, blocks=tuple(blocks_of(text)))


def blocks_of(text: str) -> Iterator[Block]:
    """Headings (ATX and underlined), fenced code, pipe tables, lists, paragraphs."""
    lines = list(lines_of(text))
    index = _after_front_matter(lines)
    if index:
        yield _block(BlockKind.CODE, lines[:index])
    while index < len(lines):
        if not lines[index][1].strip():
            index += 1
            continue
        kind, level, end = _next(lines, index)
        yield _block(kind, lines[index:end], level)
        index = end


def _next(lines: Sequence[_Line], index: int) -> tuple[BlockKind, int, int]:
    """Kind, level and end of the block that begins at `index`."""
    line = lines[index][1]
    heading = _ATX.match(line)
    if heading:
        return BlockKind.HEADING, len(heading[1]), index + 1
    fence = _FENCE.match(line)
    if fence:
        return BlockKind.CODE, 0, _end_of_fence(lines, index, fence[1])
    end = _end_of_run(lines, index)
    if "|" in line and end > index + 1 and _DELIMITER_ROW.match(lines[index + 1][1]):
        return BlockKind.TABLE, 0, end
    if _ITEM.match(line):
        return BlockKind.LIST, 0, end
    underline = _UNDERLINE.match(lines[index + 1][1]) if index + 1 < end else None
    if underline:
        return BlockKind.HEADING, 1 if underline[1].startswith("=") else 2, index + 2
    return BlockKind.PARAGRAPH, 0, _end_of_paragraph(lines, index, end)


def _end_of_run(lines: Sequence[_Line], index: int) -> int:
    """The next blank line, heading or fence."""
    end = index + 1
    while (
        end < len(lines)
        and lines[end][1].strip()
        and not _ATX.match(lines[end][1])
        and not _FENCE.match(lines[end][1])
    ):
        end += 1
    return end


def _end_of_paragraph(lines: Sequence[_Line], index: int, end: int) -> int:
    """Where a table or an underlined heading begins within the run, or the run's end."""
    for next_ in range(index + 1, end - 1):
        if _DELIMITER_ROW.match(lines[next_ + 1][1]) and "|" in lines[next_][1]:
            return next_
    return next((next_ for next_ in range(index + 1, end) if _ITEM.match(lines[next_][1])), end)


def _end_of_fence(lines: Sequence[_Line], index: int, mark: str) -> int:
    for end in range(index + 1, len(lines)):
        found = _FENCE.match(lines[end][1])
        if found and found[1].startswith(mark) and not lines[end][1].strip().strip(mark[0]):
            return end + 1
    return len(lines)


def _after_front_matter(lines: Sequence[_Line]) -> int:
    if lines and lines[0][1].rstrip() == "---":
        for index in range(1, min(len(lines), 200)):
            if lines[index][1].rstrip() == "---":
                return index + 1
    return 0


def _block(kind: BlockKind, lines: Sequence[_Line], level: int = 0) -> Block:
    (first, head), (last, tail) = lines[0], lines[-1]
    indent = len(head) - len(head.lstrip())
    return Block(kind=kind, start=first + indent, end=last + len(tail.rstrip()), level=level)
