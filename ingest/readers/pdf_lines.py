"""The lines of a PDF page with their place and type size: the only file that knows pdfium's raw interface."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest.readers.layout import PageLine, natural_width
from ingest.readers.pdfium import pdfium, raw
from ingest.readers.plain import one_line

_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi")
_FORCE_BOLD = 1 << 18  # of a font descriptor's flags, PDF 32000-1 table 123
_NAME_BYTES = 128
_STRETCHED = 1.1  # of a line's natural width; below it no gap is looked for
_CELL_GAP = 1.0  # ems; a justified line has less between two words
_ALIGNED = 0.2  # ems between the left edges of cells of one column
_NEAR = 2  # lines above and below whose columns a tight row may share

_Stretch = tuple[str, int]  # the words of a line, and where they begin in the text of the page


def lines_of_page(page: pdfium.PdfPage) -> list[PageLine]:
    """The page's lines in reading order, as pdfium sees it."""
    text_page = page.get_textpage()
    try:
        return _lines(text_page)
    finally:
        text_page.close()


def _lines(text_page: pdfium.PdfTextPage) -> list[PageLine]:
    lines: list[PageLine] = []
    stretches: list[_Stretch] = []
    start = 0  # in the text; the characters of the page are numbered almost alike
    for line in text_page.get_text_range().split("\r\n"):
        words = line.strip()
        text = one_line(
            words.replace("\x02", "-").replace("\ufffe", "-")
        )  # how pdfium marks a hyphenated line end
        if text:
            first = start + len(line) - len(line.lstrip())
            lines.append(_line(text_page, text, words, first))
            stretches.append((words, first))
        start += len(line) + 2
    return [_in_columns(text_page, lines, stretches, at) for at in range(len(lines))]


def _in_columns(
    text_page: pdfium.PdfTextPage, lines: Sequence[PageLine], stretches: Sequence[_Stretch], at: int
) -> PageLine:
    """A line with the cells that it has by the columns of a row nearby, where a cell fills its column."""
    line, columns = lines[at], _columns_near(text_page, lines, stretches, at)
    cells = (
        _tight_row(text_page, stretches[at], line.size, columns) if len(line.cells) <= len(columns) else ()
    )
    return replace(line, cells=cells) if cells else line


def _columns_near(
    text_page: pdfium.PdfTextPage, lines: Sequence[PageLine], stretches: Sequence[_Stretch], at: int
) -> list[float]:
    """Where the columns but the first begin in the nearest line that is clearly a row; [] without one."""
    near = range(max(at - _NEAR, 0), min(at + _NEAR + 1, len(lines)))
    for other in sorted(near, key=lambda each: abs(each - at)):
        if len(lines[other].cells) > 2:
            borders = _borders(text_page, stretches[other], lines[other].size)
            return [left for _, left in borders]
    return []


def _tight_row(
    text_page: pdfium.PdfTextPage, stretch: _Stretch, size: float, columns: Sequence[float]
) -> tuple[str, ...]:
    """A line cut where each of the columns of a row nearby begins; () when it lacks one."""
    if not columns:
        return ()
    borders = [
        space
        for space, _, left in _gaps(text_page, stretch)
        if any(abs(left - column) < _ALIGNED * size for column in columns)
    ]
    return _cut(stretch[0], borders) if len(borders) == len(columns) else ()


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
    borders = [space for space, _ in _borders(text_page, (words, start), line.size)]
    return replace(line, cells=_cut(words, borders) if borders else ())


def _borders(
    text_page: pdfium.PdfTextPage, stretch: _Stretch, size: float
) -> list[tuple[re.Match[str], float]]:
    """The gaps that no running text has, and where what follows begins."""
    return [(space, left) for space, gap, left in _gaps(text_page, stretch) if gap > _CELL_GAP * size]


def _gaps(text_page: pdfium.PdfTextPage, stretch: _Stretch) -> Iterator[tuple[re.Match[str], float, float]]:
    """Each space of a line, its width on the page, and where the word after it begins."""
    text, start = stretch
    for space in re.finditer(r"\s+", text):
        before = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + space.start() - 1)
        after = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + space.end())
        left = _box(text_page, after)[0]
        yield space, left - _box(text_page, before)[1], left


def _cut(text: str, borders: Sequence[re.Match[str]]) -> tuple[str, ...]:
    starts = [0, *(border.end() for border in borders)]
    ends = [*(border.start() for border in borders), len(text)]
    return tuple(one_line(text[start:end]) for start, end in zip(starts, ends, strict=True))


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
