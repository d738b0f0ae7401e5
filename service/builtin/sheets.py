"""Sheets of a knowledge base as tables with named, typed columns. Pure: from pages to tables."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from openpyxl.utils import get_column_letter

from knowledge.documents import BlockKind, Page

ROW = "row_number"
"""The column of every table that says where a row stands in its sheet."""

_NOTHING = {"", "-", "–", "—", "n/a", "na", "null", "none", "없음", "해당없음", "."}
_NUMBER = re.compile(r"[-+(]?\s*[$€£¥₩]?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s*(%|원|€|kr)?\s*\)?")
_TOTAL = re.compile(r"(?i)(?:grand |sub)?totals?\b|sum\b|합\s*계|총\s*계|소\s*계")
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")  # of a sheet; others stand in quotes
_LONGEST_CELL = 1000
_MOST_COLUMNS = 200
_RUNS = 6  # stretches of rows that a locator names


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column."""

    name: str  # in SQL
    title: str  # in the sheet
    type: str  # of DuckDB
    letter: str
    values: Sequence[str | None]  # as they are cast


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table of a sheet: a header, and rows without a gap."""

    table: str  # in SQL
    document_id: str
    document_name: str
    page: int
    label: str  # of the sheet; "" for a file of lines
    columns: tuple[Column, ...]
    rows: Sequence[int] = field(repr=False)  # where each row stands in its sheet
    total_row: int | None = None  # the last row, where it seems to sum up the others

    def locator(self, rows: Iterable[int]) -> str:
        """Where these rows lie, as a person says it: "Sales!A2:F9", "lines 2-9"."""
        runs = list(_runs(sorted(rows)))
        first, last = self.columns[0].letter, self.columns[-1].letter
        shown = [
            f"{first}{start}:{last}{end}" if self.label else (f"{start}-{end}" if end > start else f"{start}")
            for start, end in runs[:_RUNS]
        ]
        more = sum(end - start + 1 for start, end in runs[_RUNS:])
        named = ", ".join(shown) + (f" and {more:,} more rows" if more else "")
        if self.label:
            plain = _PLAIN_NAME.fullmatch(self.label)
            name = self.label if plain else "'" + self.label.replace("'", "''") + "'"
            return f"{name}!{named}"
        return f"line {named}" if named.isdecimal() else f"lines {named}"


def sheets_of(document_id: str, document_name: str, pages: Iterable[Page]) -> Iterator[Sheet]:
    """The tables of a document, without names in SQL yet unique."""
    for page in pages:
        blocks = [block for block in page.blocks if block.kind is BlockKind.TABLE]
        for number, block in enumerate(blocks, start=1):
            first = page.text.count("\n", 0, block.start) + 1
            lines = page.text[block.start : block.end].split("\n")
            suffix = f"_{number}" if len(blocks) > 1 else ""
            stem = document_name.rpartition(".")[0] or document_name
            name = sql_name(f"{stem} {page.label}".strip(), "table") + suffix
            sheet = _sheet(document_id, document_name, page, name, lines, first)
            if sheet is not None:
                yield sheet


def _sheet(
    document_id: str, document_name: str, page: Page, name: str, lines: Sequence[str], first: int
) -> Sheet | None:
    rows = [_cells(line) for line in lines]
    width = min(max(map(len, rows)), _MOST_COLUMNS)
    head = next((at for at, row in enumerate(rows[:5]) if _filled(row) > 1 or width == 1), 0)
    body = [(first + at, row) for at, row in enumerate(rows) if at > head and any(row)]
    if not body:
        return None
    titles = [*rows[head], *[""] * width][:width]
    columns = []
    taken = {ROW}
    for at, title in enumerate(titles):
        column = _unique(sql_name(title, f"column_{get_column_letter(at + 1).lower()}"), taken)
        cells = [row[at].strip() if at < len(row) else "" for _, row in body]
        kind, values = _typed(cells)
        columns.append(
            Column(name=column, title=title, type=kind, letter=get_column_letter(at + 1), values=values)
        )
    last, cells_of_last = body[-1]
    return Sheet(
        table=name,
        document_id=document_id,
        document_name=document_name,
        page=page.number,
        label=page.label,
        columns=tuple(columns),
        rows=[number for number, _ in body],
        total_row=last if any(_TOTAL.match(cell.strip()) for cell in cells_of_last[:3]) else None,
    )


def _cells(line: str) -> list[str]:
    """The cells that a reader joined by " | "; it leaves out the space before an empty first one."""
    return f" {line}".split(" | ") if line.startswith("| ") else line.split(" | ")


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def sql_name(title: str, otherwise: str) -> str:
    """A name that needs no quotes, in the letters of the title."""
    name = re.sub(r"\W+", "_", title.lower()).strip("_")[:50].strip("_")
    return f"t_{name}" if name[:1].isdigit() else name or otherwise


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique)
    return unique


def named_apart(sheets: Iterable[Sheet]) -> list[Sheet]:
    """With a name of its own for each in SQL."""
    taken: set[str] = set()
    return [replace(sheet, table=_unique(sheet.table, taken)) for sheet in sheets]


# Types


def _typed(cells: Sequence[str]) -> tuple[str, list[str | None]]:
    """The narrowest type that all cells of a column have; dashes and the like are nothing."""
    known = [None if cell.casefold() in _NOTHING else cell for cell in cells]
    there = [cell for cell in known if cell is not None]
    if there:
        for kind, read in (("number", _number), ("date", _date), ("truth", _truth)):
            if all(read(cell) is not None for cell in there):
                values = [None if cell is None else read(cell) for cell in known]
                return _sql_type(kind, values), values
    return "VARCHAR", [cell[:_LONGEST_CELL] or None for cell in cells]


def _sql_type(kind: str, values: Sequence[str | None]) -> str:
    if kind == "truth":
        return "BOOLEAN"
    if kind == "date":
        return "TIMESTAMP" if any(value and len(value) > 10 for value in values) else "DATE"
    places = max(len(value.partition(".")[2]) for value in values if value is not None)
    digits = max(len(value.partition(".")[0].lstrip("-")) for value in values if value is not None)
    if digits + places > 30:
        return "DOUBLE"
    return f"DECIMAL(38,{places})" if places else "BIGINT" if digits < 19 else "DECIMAL(38,0)"


def _number(cell: str) -> str | None:
    """ "1,200.50", "₩3,000", "(12)" for minus 12, "5%" for 0.05."""
    found = _NUMBER.fullmatch(cell)
    # Leading zeros are kept: codes and telephone numbers are no numbers.
    if found is None or (cell[0] == "0" and len(found[1]) > 1) or cell.count("(") != cell.count(")"):
        return None
    minus = "-" if cell[0] in "-(" else ""
    whole, part = found[1].replace(",", ""), (found[2] or "").lstrip(".")
    if found[3] == "%":
        padded = whole.zfill(3)
        whole, part = padded[:-2], padded[-2:] + part
    return f"{minus}{whole}" + (f".{part}" if part else "")


def _date(cell: str) -> str | None:
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y.%m.%d", "%Y/%m/%d"):
        try:
            moment = datetime.strptime(cell, form)
        except ValueError:
            continue
        return moment.strftime("%Y-%m-%d") if "%H" not in form else moment.strftime("%Y-%m-%d %H:%M:%S")
    return None


def _truth(cell: str) -> str | None:
    return {"true": "true", "false": "false"}.get(cell.casefold())


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = last = None
    for row in rows:
        if last is not None and row <= last + 1:
            last = row
            continue
        if start is not None and last is not None:
            yield start, last
        start = last = row
    if start is not None and last is not None:
        yield start, last
