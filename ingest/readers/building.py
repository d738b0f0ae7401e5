"""Pages put together block by block, so that every block knows its place in the text."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from ingest.limits import ReadLimits
from ingest.readers.plain import clean, one_line
from knowledge.documents import Block, BlockKind, Page

__all__ = ["PageBuilder", "Source", "row_text"]


class Source:
    """The file as a reader sees it, and where it tells how far it is."""

    def __init__(
        self,
        path: Path,
        *,
        extension: str,
        limits: ReadLimits,
        total: Callable[[int], None] = lambda _: None,
        warn: Callable[[str], None] = lambda _: None,
        alive: Callable[[], None] = lambda: None,
        member: "Callable[[IO[bytes], str], Iterator[Page]] | None" = None,
    ) -> None:
        self.path = path
        self.extension = extension  # ".csv", lower case; "" when the name has none
        self.limits = limits
        self.total = total  # called once, with the number of pages
        self.warn = warn  # one sentence for the person who uploaded the file
        self.alive = alive  # called within a long page, so that silence means trouble
        self.member = member  # reads a file inside this one, under its name; None where it is one itself


class PageBuilder:
    """The text of one page and its blocks; pieces come in reading order, uncleaned."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def heading(self, text: str, level: int) -> None:
        """A heading of `level` 1 (outermost) to 6."""
        self._add(BlockKind.HEADING, one_line(text), level=min(max(level, 1), 6))

    def paragraph(self, text: str) -> None:
        self._add(BlockKind.PARAGRAPH, clean(text).strip())

    def listing(self, text: str) -> None:
        """List items that carry their own marks, one line each."""
        self._add(BlockKind.LIST, clean(text).strip())

    def rows(self, lines: Iterable[str]) -> None:
        """A table whose rows are lines of text already, with no cells to be told apart."""
        self._add(BlockKind.TABLE, "\n".join(one_line(line) for line in lines))

    def code(self, text: str) -> None:
        self._add(BlockKind.CODE, clean(text).strip("\n").rstrip())

    def item(self, text: str, *, depth: int = 0, mark: str = "-") -> None:
        """A list item; items in a row make one block."""
        words = one_line(text)
        if words:
            line = f"{'  ' * min(depth, 8)}{mark} {words}"
            # The first line of a block has no indent, because gaps between blocks are white space.
            follows = bool(self._blocks) and self._blocks[-1].kind is BlockKind.LIST
            self._add(BlockKind.LIST, line if follows else line.lstrip(), merge=True)

    def table(self, rows: Iterable[Iterable[str]]) -> None:
        """A table, one line a row."""
        lines = (row_text(row) for row in rows)
        self._add(BlockKind.TABLE, "\n".join(line for line in lines if line))

    def page(self, number: int, label: str) -> Page:
        return Page(number=number, label=label, text="".join(self._pieces), blocks=tuple(self._blocks))

    def _add(self, kind: BlockKind, text: str, *, level: int = 0, merge: bool = False) -> None:
        if not text.strip():
            return
        last = self._blocks[-1] if self._blocks else None
        if merge and last is not None and last.kind is kind:
            self._push("\n" + text)
            self._blocks[-1] = Block(kind=kind, start=last.start, end=self._length)
            return
        self._push("\n\n" if last else "")
        start = self._length
        self._push(text)
        self._blocks.append(Block(kind=kind, start=start, end=self._length, level=level))

    def _push(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)


def row_text(cells: Iterable[str]) -> str:
    """The cells of a row joined by " | ", empty ones kept in between, so that columns stay in line."""
    return " | ".join(one_line(cell).replace(" | ", " / ") for cell in cells).rstrip(" |").lstrip()
