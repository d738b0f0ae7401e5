"""CSV and TSV: cells joined by " | ", line n of the page is line n of the file."""

import csv
from collections.abc import Iterator

from ingest.readers.building import Source, row_text
from ingest.readers.lines import text_of
from ingest.readers.tables import page_of_rows
from knowledge.documents import Page

_DELIMITERS = ",;\t|"
_SAMPLE = 64_000  # characters


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    csv.field_size_limit(source.limits.characters)  # its own is 131,072
    yield page_of_rows(_lines(text_of(source), source.extension), number=1, label="")


def _lines(text: str, extension: str) -> Iterator[str]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text[:_SAMPLE], extension))
    before = 0
    for row in reader:
        yield row_text(row)
        # A cell with line ends takes several lines of the file; the next row stands below them.
        yield from [""] * (reader.line_num - before - 1)
        before = reader.line_num


def _delimiter(sample: str, extension: str) -> str:
    """The candidate that cuts the most lines into the same number of cells, at least two."""
    if extension in (".tsv", ".tab"):
        return "\t"
    lines = sample.split("\n")[:50]
    return max(_DELIMITERS, key=lambda delimiter: _agreement(lines, delimiter))


def _agreement(lines: list[str], delimiter: str) -> int:
    counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    usual = max(set(counts), key=counts.count, default=0)
    return counts.count(usual) if usual > 1 else 0
