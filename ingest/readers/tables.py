"""Pages of rows: line n is row n, and rows without a gap are one table whose first row is its header."""

from collections.abc import Iterable, Iterator

from ingest.readers.lines import lines_of
from knowledge.documents import Block, BlockKind, Page


def page_of_rows(rows: Iterable[str], *, number: int, label: str) -> Page:
    """A page of the given lines; empty ones keep their place, so that a line's number is its row's."""
    text = "\n".join(rows).rstrip("\n")
    return Page(number=number, label=label, text=text, blocks=tuple(_tables(text)))


def _tables(text: str) -> Iterator[Block]:
    start: int | None = None
    end = 0
    for offset, line in lines_of(text):
        if line and start is None:
            start = offset
        elif not line and start is not None:
            yield Block(kind=BlockKind.TABLE, start=start, end=end)
            start = None
        end = offset + len(line)
    if start is not None and end > start:
        yield Block(kind=BlockKind.TABLE, start=start, end=end)
