"""The lines of a PDF page with their place and type size: the only file that knows pdfium's raw interface."""

import ctypes
import re
from dataclasses import replace

from ingest.readers.layout import PageLine, natural_width
from ingest.readers.pdfium import pdfium, raw
from ingest.readers.plain import one_line

_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi")
_FORCE_BOLD = 1 << 18  # of a font descriptor's flags, PDF 32000-1 table 123
_NAME_BYTES = 128
_STRETCHED = 1.1  # of a line's natural width; below it no gap is looked for
_CELL_GAP = 1.0  # ems; a justified line has less between two words


def lines_of_page(page: pdfium.PdfPage) -> list[PageLine]:
    """The page's lines in reading order, as pdfium sees it."""
    text_page = page.get_textpage()
    try:
        return _lines(text_page)
    finally:
        text_page.close()


def _lines(text_page: pdfium.PdfTextPage) -> list[PageLine]:
    lines = []
    start = 0  # in the text; the characters of the page are numbered almost alike
    for line in text_page.get_text_range().split("\r\n"):
        words = line.strip()
        text = one_line(
            words.replace("\x02", "-").replace("\ufffe", "-")
        )  # how pdfium marks a hyphenated line end
        if text:
            first = start + len(line) - len(line.lstrip())
            lines.append(_line(text_page, text, words, first))
        start += len(line) + 2
    return lines


def _line(text_page: pdfium.PdfTextPage, text: str, words: str, start: int) -> PageLine:
    """`text` is `words` cleaned; `start` is where they begin in the text of the page."""
    first = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start)
    last = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + len(words) - 1)
    left, _, bottom, _ = _box(text_page, first)
    _, right, _, _ = _box(text_page, last)
    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(text_page, first, matrix)
    scale = abs(matrix.d) or abs(matrix.b) or 1.0
    line = PageLine(
        text=text,
        size=raw.FPDFText_GetFontSize(text_page, first) * scale,
        bold=_bold(text_page, first) and _bold(text_page, last),
        left=left,
        right=right,
        base=_base(text_page, first, bottom),
    )
    if line.right - line.left < _STRETCHED * natural_width(line):
        return line
    return replace(line, cells=_cells(text_page, words, start, line.size))


def _cells(text_page: pdfium.PdfTextPage, text: str, start: int, size: float) -> tuple[str, ...]:
    """The line cut at gaps that no running text has; () when there is none."""
    cells, cell_start = [], 0
    for space in re.finditer(r"\s+", text):
        before = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + space.start() - 1)
        after = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + space.end())
        if _box(text_page, after)[0] - _box(text_page, before)[1] > _CELL_GAP * size:
            cells.append(one_line(text[cell_start : space.start()]))
            cell_start = space.end()
    return (*cells, one_line(text[cell_start:])) if cells else ()


def _box(text_page: pdfium.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in points from the page's lower left corner."""
    edges = [ctypes.c_double() for _ in range(4)]
    raw.FPDFText_GetCharBox(text_page, index, *edges)
    left, right, bottom, top = (edge.value for edge in edges)
    return left, right, bottom, top


def _base(text_page: pdfium.PdfTextPage, index: int, otherwise: float) -> float:
    x, y = ctypes.c_double(), ctypes.c_double()
    return y.value if raw.FPDFText_GetCharOrigin(text_page, index, x, y) else otherwise


def _bold(text_page: pdfium.PdfTextPage, index: int) -> bool:
    """By the font's name and flag; its weight is a guess that calls Arial Italic bolder than Arial Bold."""
    name = ctypes.create_string_buffer(_NAME_BYTES)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(text_page, index, name, _NAME_BYTES, flags)
    known = name.value.decode("latin-1").lower()
    return bool(flags.value & _FORCE_BOLD) or any(word in known for word in _BOLD_NAMES)
