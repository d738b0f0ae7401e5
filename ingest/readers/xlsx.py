"""Workbooks: a page a sheet, where line n is row n, cells as Excel shows them."""

import re
import warnings
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl

from ingest.readers.building import Source, row_text
from ingest.readers.plain import one_line
from ingest.readers.tables import page_of_rows
from ingest.unreadable import TooLarge
from knowledge.documents import Page

_ALIVE_EVERY = 2_000  # rows
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|[_*].|\[[^\]]*\]')
_PLACES = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*)?")


def read(source: Source) -> Iterator[Page]:
    with source.path.open("rb") as file:  # a path without .xlsx is refused
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about drawings and extensions that are not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        yield from _sheets(book, source)


def _sheets(book: openpyxl.Workbook, source: Source) -> Iterator[Page]:
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for sheet in book.worksheets:
        if sheet not in shown:
            source.warn(f"sheet {one_line(sheet.title)} is hidden and was left out")
    if len(shown) > source.limits.pages:
        raise TooLarge(
            f"The workbook has {len(shown):,} sheets, the limit is {source.limits.pages:,}: split it."
        )
    source.total(len(shown))
    for number, sheet in enumerate(shown, start=1):
        sheet.reset_dimensions()  # what the file claims about them may be wrong, or 16 billion cells
        yield page_of_rows(_rows(sheet.iter_rows(), source), number=number, label=one_line(sheet.title))


def _rows(rows: Iterable[Iterable[Any]], source: Source) -> Iterator[str]:
    characters = 0
    for number, row in enumerate(rows, start=1):
        if number % _ALIVE_EVERY == 0:
            source.alive()
        line = row_text(_shown(cell) for cell in row)
        characters += len(line) + 1
        if characters > source.limits.characters:
            raise TooLarge(
                f"The sheet holds more than {source.limits.characters:,} characters, the limit: split it."
            )
        yield line


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or "General"))
    if isinstance(value, datetime | date | time | timedelta):
        return _moment(value)
    return str(value)


def _moment(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, datetime):
        midnight = value.time() == time.min
        return (
            value.date().isoformat()
            if midnight
            else value.isoformat(sep=" ", timespec="seconds").removesuffix(":00")
        )
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat()


def _number(value: float, code: str) -> str:
    """A number under an Excel format code; the codes that people use, and General for the rest."""
    sections = code.split(";")
    if value < 0 and len(sections) > 1:
        value, section = -value, sections[1]
    else:
        section = sections[0]
    plain = _LITERAL.sub(lambda found: found[1] or found[2] or found[3] or "", section)
    places = _PLACES.search(plain)
    if not places or "E+" in plain or "/" in plain or "General" in plain or "@" in plain:
        return _general(value)
    whole, _, decimals = places[0].partition(".")
    scaled = value * 100 if "%" in plain else value
    digits = f"{scaled:{',' if ',' in whole.rstrip(',') else ''}.{len(decimals)}f}"
    return (plain[: places.start()] + digits + plain[places.end() :]).strip()


def _general(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.11g}"
