"""Text from pictures of pages: the only file that knows Tesseract.

Tesseract's own search for columns tears Hangul lines apart, so it is told that a page has one column, and
pages with two are cut in half here. What stands in rows far apart is a table.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from ingest.limits import ReadLimits
from ingest.readers.building import PageBuilder
from ingest.readers.numbering import numbered_heading

__all__ = ["HINT", "Ocr", "TooLong"]

HINT = (
    "OCR is not installed, so install it (pip install 'doumi[ocr]' and, on Debian, "
    "apt-get install tesseract-ocr tesseract-ocr-kor) and upload the file again"
)
_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin", "/snap/bin")  # the cage has no PATH
_CONFIGURATION = "--psm 4 -c preserve_interword_spaces=1 -c tessedit_create_tsv=1"  # 4: one column
_LONGEST = 5_000  # pixels: A3 at 300 a inch; more only costs time
_SMALL = 1_600  # pixels: below it, letters are those of a screen and too small to be told apart
_UNSURE = 20  # of 100: such lines are stains
_WIDE_GAP = re.compile(" {4,}")  # no running text has it between two words
_COLUMN_LINES = 5  # side by side, before a page counts as one of two columns
_COLUMN_WORDS = 3  # on each side of such a line; a cell of a table is shorter


class TooLong(Exception):
    """One page took longer than its limit."""


@dataclass(frozen=True, kw_only=True)
class _Word:
    text: str
    line: tuple[int, int, int]  # block, paragraph, line
    left: int  # in pixels, as all that follow
    right: int
    top: int
    bottom: int
    confidence: float  # of 100


@dataclass(frozen=True, kw_only=True)
class _Line:
    cells: tuple[str, ...]  # what stands between wide gaps
    gaps: tuple[tuple[int, int], ...]  # where the wide gaps are, in pixels
    top: int
    bottom: int
    paragraph: tuple[int, int]

    @property
    def text(self) -> str:
        return " ".join(self.cells)


class Ocr:
    """Reads pictures in the languages that are both wanted and installed."""

    def __init__(self, tesseract: Any, languages: Sequence[str], limits: ReadLimits) -> None:
        self._tesseract = tesseract
        self._limits = limits
        self.languages = "+".join(languages)  # as Tesseract names them

    @classmethod
    def find(cls, limits: ReadLimits) -> "Ocr | None":
        """None where it is switched off or not installed."""
        installed = _installed() if limits.ocr else None
        if installed is None:
            return None
        tesseract, known = installed
        # Hangul first: the other way round, Tesseract puts a space between syllables.
        wanted = sorted(limits.ocr_languages.split("+"), key=lambda name: name != "kor")
        languages = [name for name in wanted if name in known]
        return cls(tesseract, languages, limits) if languages else None

    def read(self, picture: Image.Image, builder: PageBuilder) -> None:
        """Puts what a picture says into `builder`. Raises TooLong."""
        lines = self._lines(_sized(picture.convert("L")))
        _add(lines, builder)

    def _lines(self, picture: Image.Image) -> list[_Line]:
        lines = self._recognised(picture)
        columns = _columns(lines, *picture.size)
        if columns is None:
            return lines
        middle, top, bottom = columns
        halves = [
            self._recognised(picture.crop((left, top, right, bottom)))
            for left, right in ((0, middle), (middle, picture.width))
        ]
        before = [line for line in lines if line.bottom <= top]
        after = [line for line in lines if line.top >= bottom]
        return [*before, *halves[0], *halves[1], *after]

    def _recognised(self, picture: Image.Image) -> list[_Line]:
        """The text with its spaces, and where its lines are, from one run of the program."""
        with self._tesseract.save(picture) as (output, stored):
            try:
                self._tesseract.run_tesseract(
                    input_filename=stored,
                    output_filename_base=output,
                    extension="txt",
                    lang=self.languages,
                    config=_CONFIGURATION,
                    timeout=self._limits.ocr_seconds,
                )
            except RuntimeError as error:
                if "timeout" in str(error):
                    raise TooLong from None
                raise
            text, table = (Path(f"{output}.{kind}").read_text("utf-8") for kind in ("txt", "tsv"))
        return list(_lines_of(text, table))


@cache
def _installed() -> tuple[Any, frozenset[str]] | None:
    """pytesseract and the languages that Tesseract has data for."""
    try:
        import pytesseract  # an extra
    except ImportError:
        return None
    program = shutil.which("tesseract", path=os.pathsep.join(_FOLDERS))
    if program is None:
        return None
    os.environ["OMP_THREAD_LIMIT"] = "1"  # its threads wait for each other more than they help
    pytesseract.pytesseract.tesseract_cmd = program
    return pytesseract.pytesseract, frozenset(pytesseract.get_languages())


def _sized(picture: Image.Image) -> Image.Image:
    longest = max(picture.size)
    scale = _LONGEST / longest if longest > _LONGEST else 2 if longest < _SMALL else 1
    if scale == 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


# From Tesseract's output to lines


def _lines_of(text: str, table: str) -> Iterator[_Line]:
    """Lines from `text`, which knows where words end, and `table`, which knows where they stand."""
    words = [word for word in map(_word, table.splitlines()[1:]) if word]
    groups = [list(group) for _, group in groupby(words, key=lambda word: word.line)]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != len(groups):
        lines = [" ".join(word.text for word in group) for group in groups]
    for line, group in zip(lines, groups, strict=True):
        sure = sum(word.confidence for word in group) / len(group) >= _UNSURE
        if sure and any(map(str.isalnum, line)):
            yield _line(line, group)


def _word(row: str) -> _Word | None:
    cells = row.split("\t")
    if len(cells) < 12 or not cells[11].strip():
        return None
    block, paragraph, line, _, left, top, width, height = map(int, cells[2:10])
    return _Word(
        text=cells[11].strip(),
        line=(block, paragraph, line),
        left=left,
        right=left + width,
        top=top,
        bottom=top + height,
        confidence=float(cells[10]),
    )


def _line(text: str, words: Sequence[_Word]) -> _Line:
    cells = _WIDE_GAP.split(text)
    gaps = sorted(
        ((before.right, after.left) for before, after in pairwise(words)),
        key=lambda gap: gap[0] - gap[1],
    )
    return _Line(
        cells=tuple(cells),
        gaps=tuple(sorted(gaps[: len(cells) - 1])),
        top=min(word.top for word in words),
        bottom=max(word.bottom for word in words),
        paragraph=words[0].line[:2],
    )


def _columns(lines: Sequence[_Line], width: int, height: int) -> tuple[int, int, int] | None:
    """Where a page of two columns is to be cut, and from where to where down the page; None for others."""
    beside = [
        line
        for line in lines
        if len(line.gaps) == 1
        and min(len(cell.split()) for cell in line.cells) >= _COLUMN_WORDS
        and 0.3 * width < sum(line.gaps[0]) / 2 < 0.7 * width
    ]
    if len(beside) < _COLUMN_LINES:
        return None
    left, right = max(line.gaps[0][0] for line in beside), min(line.gaps[0][1] for line in beside)
    if left >= right:
        return None
    across = [
        line
        for line in lines
        if line not in beside and not any(gap[0] <= (left + right) // 2 <= gap[1] for gap in line.gaps)
    ]
    top = max((line.bottom for line in across if line.bottom <= beside[0].top), default=0)
    bottom = min((line.top for line in across if line.top >= beside[-1].bottom), default=height)
    return (left + right) // 2, top, bottom


# From lines to a page


def _add(lines: Sequence[_Line], builder: PageBuilder) -> None:
    for is_row, group in groupby(lines, key=lambda line: len(line.cells) > 1):
        same = list(group)
        if is_row and len(same) > 1:
            builder.table(line.cells for line in same)
            continue
        for _, together in groupby(same, key=lambda line: line.paragraph):
            _paragraph([line.text for line in together], builder)


def _paragraph(lines: Sequence[str], builder: PageBuilder) -> None:
    """The lines of a paragraph, numbered headings in it apart."""
    waiting: list[str] = []
    for line in lines:
        found = numbered_heading(line)
        if not found:
            waiting.append(line)
            continue
        builder.paragraph("\n".join(waiting))
        builder.heading(line[: found[1]], found[0])
        waiting = [line[found[1] :].strip()] if line[found[1] :].strip() else []
    builder.paragraph("\n".join(waiting))
