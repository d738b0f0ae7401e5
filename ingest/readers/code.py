"""Source code, settings and XML: text whose blocks are what stands between blank lines."""

from collections.abc import Iterator

from ingest.readers.building import Source
from ingest.readers.lines import lines_of, text_of
from knowledge.documents import Block, BlockKind, Page


def read(source: Source) -> Iterator[Page]:
    text = text_of(source)
    source.total(1)
    yield Page(number=1, label="", text=text, blocks=tuple(_blocks(text)))


def _blocks(text: str) -> Iterator[Block]:
    start: int | None = None
    end = 0
    for offset, line in lines_of(text):
        if line.strip():
            start = offset + len(line) - len(line.lstrip()) if start is None else start
            end = offset + len(line.rstrip())
        elif start is not None:
            yield Block(kind=BlockKind.CODE, start=start, end=end)
            start = None
    if start is not None:
        yield Block(kind=BlockKind.CODE, start=start, end=end)
