"""Pictures: photographs and scans of text, a page for each picture in the file, read by OCR."""

import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps

from ingest.readers.building import PageBuilder, Source
from ingest.readers.ocr import HINT, Ocr, TooLong
from ingest.readers.pages import no_text, read_by_ocr, slow_scan, took_too_long
from ingest.unreadable import NeedsOcr, NoText, TooLarge, TooSlow
from knowledge.documents import Page

_KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
_MILLION = 1_000_000


def read(source: Source) -> Iterator[Page]:
    ocr = Ocr.find(source.limits)
    if ocr is None:
        raise NeedsOcr(f"A picture is read by OCR: {HINT}.")
    Image.MAX_IMAGE_PIXELS = None  # our own limit names itself
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata
        with Image.open(source.path, formats=_KINDS) as picture:
            yield from _pages(picture, ocr, source)


def _pages(picture: Image.Image, ocr: Ocr, source: Source) -> Iterator[Page]:
    _check(picture, source)
    count = _count(picture, source)
    source.total(count)
    empty: list[int] = []
    late: list[int] = []
    for number in range(1, count + 1):
        picture.seek(number - 1)
        _check(picture, source)
        builder = PageBuilder()
        try:
            ocr.read(_upright(picture), builder)
        except TooLong:
            late.append(number)
        page = builder.page(number, f"page {number}" if count > 1 else "")
        if not page.text and number not in late:
            empty.append(number)
        yield page
    _conclude(count, empty, late, source)


def _conclude(count: int, empty: list[int], late: list[int], source: Source) -> None:
    if late and len(late) + len(empty) == count:
        raise TooSlow(slow_scan(source.limits.ocr_seconds))
    if len(empty) == count:
        raise NoText("OCR found no text in the picture: upload a sharper or larger one.")
    source.warn(read_by_ocr([number for number in range(1, count + 1) if number not in {*empty, *late}]))
    for sentence in (no_text(empty), took_too_long(late, source.limits.ocr_seconds)):
        if sentence:
            source.warn(sentence)


def _check(picture: Image.Image, source: Source) -> None:
    """From the size that the file states, before anything is unpacked."""
    pixels, most = picture.width * picture.height, source.limits.megapixels
    if pixels > most * _MILLION:
        raise TooLarge(
            f"The picture has {pixels / _MILLION:,.0f} megapixels, the limit is {most:,}: "
            "make it smaller, or cut it into several."
        )


def _count(picture: Image.Image, source: Source) -> int:
    if picture.format != "TIFF":
        if getattr(picture, "is_animated", False) and picture.format != "MPO":
            source.warn("only the first picture of the animation was read")
        return 1
    count = getattr(picture, "n_frames", 1)
    if count > source.limits.pages:
        raise TooLarge(f"The TIFF has {count:,} pages, the limit is {source.limits.pages:,}: split it.")
    return int(count)


def _upright(picture: Image.Image) -> Image.Image:
    """As a camera was held, and on white where it is transparent."""
    turned = ImageOps.exif_transpose(picture)
    if turned.has_transparency_data:
        paper = Image.new("RGBA", turned.size, "white")
        paper.alpha_composite(turned.convert("RGBA"))
        return paper
    return turned
