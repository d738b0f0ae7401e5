"""PDF: pdfium for the text and where it stands on the page, pypdf for what pdfium cannot open or decode.

pdfium comes first because it takes a fifteenth of pypdf's time (0.3 against 5 CPU seconds for 143 pages),
finds as much (99.6% against 99.3% of the words of known evidence) and tells font sizes and positions, from
which headings, tables and wrapped lines are known. Both run in the cage; what hangs one is ended there.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from PIL import Image

from ingest.readers.building import PageBuilder, Source
from ingest.readers.layout import PageLine, TypeArea, compose, type_area
from ingest.readers.lines import blocks_of
from ingest.readers.ocr import HINT, Ocr, TooLong
from ingest.readers.pages import no_text, read_by_ocr, slow_scan, took_too_long
from ingest.readers.pdf_lines import lines_of_page
from ingest.readers.pdfium import pdfium, raw
from ingest.readers.plain import clean
from ingest.unreadable import DamagedFile, EncryptedFile, NeedsOcr, NoText, TooLarge, TooSlow
from knowledge.documents import Page

_SAMPLE_PAGES = 12  # enough to learn the size of the running text
_PATIENCE = 3  # pages without text that are tried with the other library before it is left alone
_CAPTION = 100  # characters; a page with less may be a scan with a stamp on it
_MOST_OF_A_PAGE = 0.5
_RENDERED_DPI = 300
_RENDERED_PIXELS = 5_000  # the longer side, whatever size a page claims to have
_NO_TEXT = "The PDF has no text in it: upload a version that has."
_UNDECODED = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U000ffffd]")


def read(source: Source) -> Iterator[Page]:
    second = _SecondOpinion(source.path)
    try:
        document = pdfium.PdfDocument(source.path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise EncryptedFile("The PDF is locked with a password: upload a copy without one.") from None
        yield from second.pages(source)
        return
    try:
        yield from _Reading(document, source, second).pages()
    finally:
        document.close()


def _count(source: Source, count: int) -> None:
    if count > source.limits.pages:
        raise TooLarge(
            f"The PDF has {count:,} pages, the limit is {source.limits.pages:,}: split it into smaller files."
        )
    if count < 1:
        raise DamagedFile("The PDF has no pages: it is damaged, so export it again.")
    source.total(count)


class _Reading:
    """One way through a document, and what is to be said about its pages at the end."""

    def __init__(self, document: pdfium.PdfDocument, source: Source, second: "_SecondOpinion") -> None:
        self._document = document
        self._source = source
        self._second = second
        self._blank: list[int] = []  # pages with nothing on them, as far as anything can tell
        self._pictures: list[int] = []  # pages that only OCR could read, and it is not there
        self._recognised: list[int] = []  # pages that OCR read
        self._late: list[int] = []  # pages that took OCR too long

    def pages(self) -> Iterator[Page]:
        count = len(self._document)
        _count(self._source, count)
        area = self._learn()
        for index in range(count):
            yield self._page(index, area)
        self._conclude(count)

    def _conclude(self, count: int) -> None:
        if len(self._pictures) + len(self._blank) == count:
            if self._pictures:
                raise NeedsOcr(f"The PDF holds only pictures of its pages: {HINT}.")
            raise NoText(_NO_TEXT)
        if len(self._late) + len(self._blank) == count:
            raise TooSlow(slow_scan(self._source.limits.ocr_seconds))
        for sentence in (
            no_text(self._blank),
            no_text(self._pictures, HINT),
            read_by_ocr(self._recognised),
            took_too_long(self._late, self._source.limits.ocr_seconds),
        ):
            if sentence:
                self._source.warn(sentence)

    def _learn(self) -> TypeArea:
        count = len(self._document)
        step = max(1, count // _SAMPLE_PAGES)
        return type_area([self._lines(index) or [] for index in range(0, count, step)])

    def _lines(self, index: int) -> list[PageLine] | None:
        """The lines of a page; None when pdfium cannot load it."""
        with self._open(index) as page:
            try:
                return None if page is None else lines_of_page(page)
            except pdfium.PdfiumError:
                return None

    @contextmanager
    def _open(self, index: int) -> Iterator[pdfium.PdfPage | None]:
        try:
            page = self._document[index]
        except pdfium.PdfiumError:
            yield None
            return
        try:
            yield page
        finally:
            page.close()

    def _page(self, index: int, area: TypeArea) -> Page:
        number, label = index + 1, f"page {index + 1}"
        lines = self._lines(index)
        text = "\n".join(line.text for line in lines or [])
        if _poor(text):
            other = self._second.text(index, worth_it=bool(text.strip()))
            if other.strip() and not _poor(other):
                return Page(number=number, label=label, text=other, blocks=tuple(blocks_of(other)))
        builder = PageBuilder()
        compose(lines or [], area, builder)
        page = builder.page(number, label)
        if _poor(text) or len(text) < _CAPTION:
            return self._recognise(page)
        return page

    def _recognise(self, page: Page) -> Page:
        """The page as OCR reads it, if it is a picture and OCR finds more than there is already."""
        with self._open(page.number - 1) as opened:
            if opened is None or not _is_picture(opened, whole=not _poor(page.text)):
                self._blank += [] if page.text else [page.number]
                return page
            if self._ocr is None:
                self._pictures += [] if page.text else [page.number]
                return page
            self._source.alive()
            builder = PageBuilder()
            try:
                self._ocr.read(_rendered(opened), builder)
            except TooLong:
                self._late.append(page.number)
                return page
        found = builder.page(page.number, page.label)
        if len(found.text) > len(page.text) or _poor(page.text):
            (self._recognised if found.text else self._blank).append(page.number)
            return found
        return page

    @cached_property
    def _ocr(self) -> "Ocr | None":
        return Ocr.find(self._source.limits)


def _poor(text: str) -> bool:
    """Nothing there, or mostly characters whose font does not say what they are."""
    return not text.strip() or len(_UNDECODED.findall(text)) * 5 > len(text)


def _is_picture(page: pdfium.PdfPage, *, whole: bool) -> bool:
    """Whether there is anything drawn on the page, or, as a `whole`, pictures on most of it."""
    if not whole:
        return next(iter(page.get_objects(max_depth=1)), None) is not None
    width, height = page.get_size()
    covered = 0.0
    for thing in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = thing.get_bounds()
        covered += (right - left) * (top - bottom)
    return bool(covered > _MOST_OF_A_PAGE * width * height)


def _rendered(page: pdfium.PdfPage) -> Image.Image:
    scale = min(_RENDERED_DPI / 72, _RENDERED_PIXELS / max(*page.get_size(), 1.0))
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
    return picture


class _SecondOpinion:
    """The same file through pypdf, opened only when it is asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._misses = 0

    @cached_property
    def _reader(self):  # type: ignore[no-untyped-def]  # pypdf is imported only here
        import pypdf

        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        reader = pypdf.PdfReader(self._path, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise EncryptedFile("The PDF is locked with a password: upload a copy without one.")
        return reader

    def text(self, index: int, *, worth_it: bool) -> str:
        """The page's text, or "" when pypdf has none either; a scan is not asked for long."""
        if self._misses >= _PATIENCE and not worth_it:
            return ""
        try:
            text = clean(self._reader.pages[index].extract_text())
        except Exception:  # whatever pypdf raises, pdfium's result stands
            text = ""
        self._misses += not text.strip()
        return text

    def pages(self, source: Source) -> Iterator[Page]:
        """Every page; raises DamagedFile when pypdf cannot open the file either."""
        try:
            count = len(self._reader.pages)
        except (EncryptedFile, MemoryError):
            raise
        except Exception:
            raise DamagedFile(
                "The PDF is damaged or not complete: export it again and upload the new file."
            ) from None
        _count(source, count)
        empty = []
        for index in range(count):
            text = self.text(index, worth_it=True)
            empty += [] if text.strip() else [index + 1]
            yield Page(number=index + 1, label=f"page {index + 1}", text=text, blocks=tuple(blocks_of(text)))
        if len(empty) == count:
            raise NoText(_NO_TEXT)
        if empty:
            source.warn(no_text(empty))
