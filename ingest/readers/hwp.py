"""HWP 5 through hwp-hwpx-parser: paragraphs, tables as rows, notes at the end."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import olefile  # type: ignore[import-untyped]
from hwp_hwpx_parser.hwp5 import HWP5Reader
from hwp_hwpx_parser.models import ExtractOptions, ImageMarkerStyle

from ingest.readers.building import PageBuilder, Source
from ingest.readers.numbering import numbered_heading
from ingest.unreadable import DamagedFile, EncryptedFile
from knowledge.documents import Page

_OPTIONS = ExtractOptions(image_marker=ImageMarkerStyle.NONE, paragraph_separator="\n")
_PASSWORD = 1 << 1
_DISTRIBUTION = 1 << 2
_RULE = re.compile(r"\|(?: --- \|)+$")
_CELL_END = re.compile(r"(?<!\\)\|")


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    _check_flags(source.path)
    with HWP5Reader(str(source.path)) as document:
        result = document.extract_text_with_notes(_OPTIONS)
    builder = PageBuilder()
    _add(result.text, builder)
    for prefix, notes in (("", result.footnotes), ("e", result.endnotes)):
        for note in notes:
            builder.paragraph(f"[^{prefix}{note.number}] {note.text}")
    yield builder.page(1, "")


def _check_flags(path: Path) -> None:
    """The flags of the FileHeader stream (HWP 5.0 revision 1.3, 3.2.1)."""
    with olefile.OleFileIO(path) as archive:
        header = archive.openstream("FileHeader").read(40)
    if len(header) < 40 or not header.startswith(b"HWP Document File"):
        raise DamagedFile("The document is damaged: save it again in Hangul and upload the new file.")
    flags = int.from_bytes(header[36:40], "little")
    if flags & _PASSWORD:
        raise EncryptedFile(
            "The document is locked with a password: save a copy without one and upload that."
        )
    if flags & _DISTRIBUTION:
        raise EncryptedFile("The document is locked against copying: upload the version it was made from.")


def _add(text: str, builder: PageBuilder) -> None:
    """The parser's text: a paragraph a line, tables as Markdown."""
    for is_row, lines in groupby(text.split("\n"), key=_is_row):
        if is_row:
            builder.table(_cells(line) for line in lines if not _RULE.match(line))
            continue
        for line in lines:
            words = line.strip()
            found = numbered_heading(words)
            if found:
                builder.heading(words[: found[1]], found[0])
                words = words[found[1] :]
            builder.paragraph(words)


def _is_row(line: str) -> bool:
    return line.startswith("| ") and line.endswith(" |")


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|").strip() for cell in _CELL_END.split(line)[1:-1]]
