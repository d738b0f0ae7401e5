"""From pages to chunks: structure first, sentences second, the embedder's tokens as the measure."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from ingest.members import member_of
from ingest.readers.numbering import numbered_heading
from knowledge.documents import Block, BlockKind, Chunk, Page
from knowledge.sentences import sentence_spans

CountTokens = Callable[[Sequence[str]], list[int]]

_COUNTED_AT_ONCE = 2048  # texts
_MOST_CHARACTERS = 16  # to a token: an unbroken line of a million letters is one unknown word to some models
_WIDE_TOKENS = 0.55  # a character of Hangul or Han text, in a model that knows them
_FULL_ENOUGH = 0.5  # of the size: from here on a chunk rather ends with a paragraph than in the middle of one
_SECTION_WORTH = 0.25  # of the size: a chunk with as much ends when a section does
_LONGEST_OVERLAP = 0.33  # of the size
_LONGEST_TITLE = 160  # characters of a section's title or a table's header
_WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_HASHES = re.compile(r"(#{1,6})\s+(.+?)[\s#]*$")
_NUMBERED_LABEL = re.compile(r"(?:page|slide|part) \d+")
_PLAIN_SHEET_NAME = re.compile(r"[^\W\d]\w*")


class _Unit(NamedTuple):
    """What is never cut: a sentence, a row, a heading, a line of code, or a piece of one that is too long."""

    start: int
    end: int
    tokens: int
    kind: BlockKind
    opens: bool  # a block: a good place for a chunk to begin
    section: tuple[str, ...]
    header: str  # of the table that it goes on with, "" elsewhere


def chunk_pages(
    pages: Sequence[Page], *, count_tokens: CountTokens, size: int = 256, overlap_sentences: int = 2
) -> list[Chunk]:
    """Cut pages into chunks of at most `size` tokens, none across a page, none empty.

    A chunk begins with the last sentences of the one before unless a section begins there; rows and lines of
    code are not repeated. A piece of a table without its first row has that row as the last part of its
    section path. Where a model takes more tokens for Hangul or Han than one that knows them, its count is not
    believed: the chunks would be a line long.
    """
    chunks: list[Chunk] = []
    titles: list[tuple[int, str]] = []
    member = ""
    for page in pages:
        if member_of(page.label)[0] != member:  # another file of a ZIP begins, and what was open ends
            member = member_of(page.label)[0]
            titles = [(0, member)] if member else []
        units = list(_units(page, titles, count_tokens, size))
        locate = _locator(page)
        for first, fresh, end in _cuts(units, size, overlap_sentences):
            start, stop = units[first].start, units[end - 1].end
            text = page.text[start:stop]
            if not any(character.isalnum() for character in text):
                continue
            chunks.append(
                Chunk(
                    ordinal=len(chunks),
                    page=page.number,
                    locator=locate(start, stop),
                    section=_path(units, fresh, end),
                    text=text,
                    start=start,
                    end=stop,
                )
            )
    return chunks


# From a page to units


def _units(
    page: Page, titles: list[tuple[int, str]], count_tokens: CountTokens, size: int
) -> Iterator[_Unit]:
    """The units of a page. `titles` are the open sections, outermost first; headings change them."""
    spans = _pieces(page.text, _spans(page, titles), size * _MOST_CHARACTERS)
    while batch := list(islice(spans, _COUNTED_AT_ONCE)):
        counts = count_tokens([page.text[unit.start : unit.end] for unit in batch])
        for unit, tokens in zip(batch, counts, strict=True):
            counted = unit._replace(tokens=_weight(page.text[unit.start : unit.end], tokens))
            yield from _fitting(page.text, counted, count_tokens, size)


def _spans(page: Page, titles: list[tuple[int, str]]) -> Iterator[_Unit]:
    for block in page.blocks or _headings_and_text(page.text):
        if block.kind is BlockKind.HEADING:
            _enter(titles, block.level, page.text[block.start : block.end])
        section = tuple(title for _, title in titles)
        header = ""
        for index, (start, end) in enumerate(_parts(page.text, block)):
            yield _Unit(start, end, 0, block.kind, index == 0, section, header)
            if block.kind is BlockKind.TABLE and index == 0:
                header = _header(page.text[start:end])


def _headings_and_text(text: str) -> Iterator[Block]:
    """Blocks for a page that came without: its lines with heading marks or numbers, and what is between."""
    done = start = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        level, length = _heading(bare)
        if length:
            indent = start + len(line) - len(line.lstrip())
            yield Block(kind=BlockKind.PARAGRAPH, start=done, end=start)
            yield Block(kind=BlockKind.HEADING, start=indent, end=indent + length, level=level)
            done = indent + length
        start += len(line)
    yield Block(kind=BlockKind.PARAGRAPH, start=done, end=len(text))


def _heading(line: str) -> tuple[int, int]:
    """Level and length of the heading that a line begins with, 0 and 0 for none."""
    if not line or len(line) > 4 * _LONGEST_TITLE:
        return 0, 0
    if marked := _HASHES.match(line):
        return len(marked[1]), len(line)
    return numbered_heading(line) or (0, 0)


def _parts(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """The spans of a block that chunks are put together from."""
    if block.kind in (BlockKind.TABLE, BlockKind.CODE):
        yield from _lines(text, block.start, block.end)
    elif block.kind is BlockKind.HEADING:
        yield from _trimmed(text, block.start, block.end)
    else:
        for start, end in sentence_spans(text[block.start : block.end]):
            yield block.start + start, block.start + end


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        yield from _trimmed(text, start, stop)
        start = stop + 1


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    bare = text[start:end].rstrip()
    if bare.strip():
        yield start + len(bare) - len(bare.lstrip()), start + len(bare)


def _enter(titles: list[tuple[int, str]], level: int, heading: str) -> None:
    while titles and titles[-1][0] >= level:
        titles.pop()
    marked = _HASHES.match(heading.strip())
    title = " ".join((marked[2] if marked else heading).split())
    titles.append((level, title[:_LONGEST_TITLE]))


def _header(row: str) -> str:
    """The first row of a table, when it has cells that can be told apart."""
    return " ".join(row.split())[:_LONGEST_TITLE] if " | " in row or "\t" in row else ""


def _path(units: Sequence[_Unit], fresh: int, end: int) -> tuple[str, ...]:
    """The section of what is new in a chunk; headings at its head open sections within each other."""
    while fresh + 1 < end and units[fresh].kind is BlockKind.HEADING:
        fresh += 1
    unit = units[fresh]
    return (*unit.section, unit.header) if unit.header else unit.section


# What is too long


def _pieces(text: str, units: Iterable[_Unit], longest: int) -> Iterator[_Unit]:
    """The units, those of more than `longest` characters cut at white space, or anywhere for lack of it."""
    for unit in units:
        opens = unit.opens
        start = unit.start
        while unit.end - start > longest:
            stop = _last_space(text, start, start + longest)
            if bare := text[start:stop].rstrip():
                yield unit._replace(start=start, end=start + len(bare), opens=opens)
                opens = False
            start = stop + (len(text[stop : stop + longest]) - len(text[stop : stop + longest].lstrip()))
        if start < unit.end:
            yield unit._replace(start=start, opens=opens)


def _last_space(text: str, start: int, stop: int) -> int:
    """Where to cut a stretch: at its last white space if that is in the second half, else at its end."""
    space = max(text.rfind(" ", start, stop), text.rfind("\n", start, stop))
    return space if space > (start + stop) // 2 else stop


def _fitting(text: str, unit: _Unit, count_tokens: CountTokens, size: int) -> Iterator[_Unit]:
    """The unit, or pieces of it with at most `size` tokens each."""
    length = unit.end - unit.start
    if unit.tokens <= size or length == 1:
        yield unit
        return
    longest = max(1, min(length - 1, int(length * size / unit.tokens * 0.9)))
    pieces = list(_pieces(text, [unit], longest))
    counts = count_tokens([text[piece.start : piece.end] for piece in pieces])
    for piece, tokens in zip(pieces, counts, strict=True):
        weighed = piece._replace(tokens=_weight(text[piece.start : piece.end], tokens))
        yield from _fitting(text, weighed, count_tokens, size)


def _weight(text: str, tokens: int) -> int:
    least = math.ceil(len(text) / _MOST_CHARACTERS)
    if not text.isascii() and len(_WIDE.findall(text)) * 4 > len(text):
        tokens = min(tokens, math.ceil(len(text) * _WIDE_TOKENS))
    return max(1, least, tokens)


# From units to chunks


def _cuts(units: Sequence[_Unit], size: int, overlap_sentences: int) -> Iterator[tuple[int, int, int]]:
    """First unit, first that no chunk had before, and end of each chunk."""
    fresh = 0
    while fresh < len(units):
        first = _overlap(units, fresh, size, overlap_sentences)
        end = _end(units, first, fresh, size)
        yield first, fresh, end
        fresh = end


def _overlap(units: Sequence[_Unit], fresh: int, size: int, sentences: int) -> int:
    """Where the chunk begins whose first new unit is `fresh`."""
    if units[fresh].kind is BlockKind.HEADING:
        return fresh
    first, room = fresh, min(size * _LONGEST_OVERLAP, size - units[fresh].tokens)
    while first > 0 and fresh - first < sentences:
        before = units[first - 1]
        room -= before.tokens
        if before.kind in (BlockKind.TABLE, BlockKind.CODE) or room < 0:
            break
        first -= 1
        if before.kind is BlockKind.HEADING:
            break
    return first


def _end(units: Sequence[_Unit], first: int, fresh: int, size: int) -> int:
    """Where the chunk ends: with a section, else with a block, else with a sentence; at least one is new."""
    tokens = sum(unit.tokens for unit in units[first:fresh])
    good, end = 0, fresh
    while end < len(units) and (end == fresh or tokens + units[end].tokens <= size):
        if end > fresh and units[end].opens:
            if units[end].kind is BlockKind.HEADING and tokens >= size * _SECTION_WORTH:
                return _without_headings(units, fresh, end)
            if tokens >= size * _FULL_ENOUGH:
                good = end
        tokens += units[end].tokens
        end += 1
    if end < len(units) and not units[end].opens and good:
        end = good
    return _without_headings(units, fresh, end) if end < len(units) else end


def _without_headings(units: Sequence[_Unit], fresh: int, end: int) -> int:
    """A heading goes with what follows it."""
    while end - 1 > fresh and units[end - 1].kind is BlockKind.HEADING:
        end -= 1
    return end


# Where a chunk is


def _locator(page: Page) -> Callable[[int, int], str]:
    """What names a span of the page to a person."""
    member, label = member_of(page.label)
    if member:
        inside = _locator(replace(page, label=label))
        return lambda start, end: f"{member}, {inside(start, end)}"
    sheet = page.label and page.blocks and all(block.kind is BlockKind.TABLE for block in page.blocks)
    if page.label and (not sheet or _NUMBERED_LABEL.fullmatch(page.label)):
        return lambda start, end: page.label
    ends = [match.start() for match in re.finditer("\n", page.text)]

    def lines(start: int, end: int) -> tuple[int, int]:
        return bisect_right(ends, start - 1) + 1, bisect_right(ends, end - 1) + 1

    if page.label:
        return lambda start, end: _cells(page.label, *lines(start, end), page.text[start:end])
    return lambda start, end: _line_range(*lines(start, end))


def _line_range(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _cells(sheet: str, first: int, last: int, text: str) -> str:
    """As a formula of the workbook names the range, from the first column to that of the widest row."""
    name = sheet if _PLAIN_SHEET_NAME.fullmatch(sheet) else "'" + sheet.replace("'", "''") + "'"
    return f"{name}!A{first}:{_column(max(map(_width, text.splitlines())))}{last}"


def _width(row: str) -> int:
    return row.count("\t") + 1 if "\t" in row else row.count(" | ") + row.startswith("| ") + 1


def _column(number: int) -> str:
    """The letters of a column counted from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
