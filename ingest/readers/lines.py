"""Text files: the text stays as it is, blocks are found in its lines."""

import re
from collections.abc import Iterator

from ingest.readers.building import Source
from ingest.readers.encoding import NotText, decode
from ingest.readers.numbering import numbered_heading
from ingest.readers.plain import clean
from ingest.unreadable import DamagedFile, TooLarge
from knowledge.documents import Block, BlockKind, Page

_BULLET = re.compile(r"(?:[-*+•·▪◦○●■□▶※]|\(?\d{1,3}[.)]|[①-⑳]|[가-하][.)])\s")
_BYTES_PER_CHARACTER = 4  # at most, in every encoding that is tried


def read(source: Source) -> Iterator[Page]:
    text = text_of(source)
    source.total(1)
    yield Page(number=1, label="", text=text, blocks=tuple(blocks_of(text)))


def text_of(source: Source) -> str:
    """The whole file, decoded and cleaned."""
    most = source.limits.characters
    if source.path.stat().st_size > most * _BYTES_PER_CHARACTER:
        raise TooLarge(
            f"The file holds more than {most:,} characters, the limit: split it into smaller files."
        )
    try:
        return clean(decode(source.path.read_bytes()))
    except NotText:
        raise DamagedFile(
            "The file is not text in any known encoding: save it as UTF-8 and upload it again."
        ) from None


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Start and content of each line, without its line end."""
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def blocks_of(text: str) -> Iterator[Block]:
    """Paragraphs and lists, apart at blank lines and at numbered headings."""
    run: list[tuple[int, str]] = []
    for start, line in lines_of(text):
        found = numbered_heading(line.strip())
        if found or not line.strip():
            yield from _block(run)
            run = []
        if not found:
            run.append((start, line)) if line.strip() else None
            continue
        level, length = found
        indent = len(line) - len(line.lstrip())
        yield Block(kind=BlockKind.HEADING, start=start + indent, end=start + indent + length, level=level)
        rest = line[indent + length :]
        if rest.strip():
            run.append((start + indent + length, rest))
    yield from _block(run)


def _block(run: list[tuple[int, str]]) -> Iterator[Block]:
    if not run:
        return
    (first, head), (last, tail) = run[0], run[-1]
    start = first + len(head) - len(head.lstrip())
    listed = sum(1 for _, line in run if _BULLET.match(line.lstrip()))
    kind = BlockKind.LIST if listed * 2 > len(run) else BlockKind.PARAGRAPH
    yield Block(kind=kind, start=start, end=last + len(tail.rstrip()))
