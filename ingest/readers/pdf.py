"""PDF: pdfium for the text and where it stands on the page, pypdf for what pdfium cannot open or decode.

pdfium comes first because it takes a fifteenth of pypdf's time (0.3 against 5 CPU seconds for 143 pages),
finds as much (99.6% against 99.3% of the words of known evidence) and tells font sizes and positions, from
which headings, tables and wrapped lines are known. Both run in the cage; what hangs one is ended there.
"""

import logging
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ingest.readers.building import PageBuilder, Source
from ingest.readers.layout import PageLine, TypeArea, compose, type_area
from ingest.readers.lines import blocks_of
from ingest.readers.pdf_lines import lines_of_page
from ingest.readers.pdfium import pdfium
from ingest.readers.plain import clean
from ingest.unreadable import DamagedFile, EncryptedFile, NoText, TooLarge
from knowledge.documents import Page

_SAMPLE_PAGES = 12  # enough to learn the size of the running text
_PATIENCE = 3  # pages without text that are tried with the other library before it is left alone
_UNDECODED = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U000ffffd]")


def read(source: Source) -> Iterator[Page]:
    empty: list[int] = []
    count = 0
    for page in _pages(source):
        count += 1
        if not page.text.strip():
            empty.append(page.number)
        yield page
    if count and len(empty) == count:
        raise NoText(
            "The PDF holds only pictures of its pages: OCR is not installed, so upload a version with text."
        )
    for sentence in _without_text(empty):
        source.warn(sentence)


def _pages(source: Source) -> Iterator[Page]:
    second = _SecondOpinion(source.path)
    try:
        document = pdfium.PdfDocument(source.path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise EncryptedFile("The PDF is locked with a password: upload a copy without one.") from None
        yield from second.pages(source)
        return
    try:
        _count(source, len(document))
        area = _learn(document)
        for index in range(len(document)):
            yield _page(document, index, area, second)
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


def _learn(document: pdfium.PdfDocument) -> TypeArea:
    count = len(document)
    step = max(1, count // _SAMPLE_PAGES)
    return type_area([_lines(document, index) or [] for index in range(0, count, step)])


def _lines(document: pdfium.PdfDocument, index: int) -> list[PageLine] | None:
    """The lines of a page; None when pdfium cannot load it."""
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return None
    try:
        return lines_of_page(page)
    except pdfium.PdfiumError:
        return None
    finally:
        page.close()


def _page(document: pdfium.PdfDocument, index: int, area: TypeArea, second: "_SecondOpinion") -> Page:
    number, label = index + 1, f"page {index + 1}"
    lines = _lines(document, index)
    text = "\n".join(line.text for line in lines or [])
    if _poor(text):
        other = second.text(index, worth_it=bool(text.strip()))
        if other.strip() and not _poor(other):
            return Page(number=number, label=label, text=other, blocks=tuple(blocks_of(other)))
    builder = PageBuilder()
    compose(lines or [], area, builder)
    return builder.page(number, label)


def _poor(text: str) -> bool:
    """Nothing there, or mostly characters whose font does not say what they are."""
    return not text.strip() or len(_UNDECODED.findall(text)) * 5 > len(text)


def _without_text(pages: list[int]) -> Iterator[str]:
    if not pages:
        return
    shown = ", ".join(str(page) for page in pages[:20]) + (
        f" and {len(pages) - 20} more" if len(pages) > 20 else ""
    )
    yield f"page {shown} has no text" if len(pages) == 1 else f"pages {shown} have no text"


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
        for index in range(count):
            text = self.text(index, worth_it=True)
            yield Page(number=index + 1, label=f"page {index + 1}", text=text, blocks=tuple(blocks_of(text)))
