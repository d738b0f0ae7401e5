"""Pictures of text, drawn when a test needs them."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingest.limits import ReadLimits
from ingest.readers.ocr import Ocr

SIZE, LEADING = 40, 68  # of the type, in pixels: what 10 points are at 300 a inch
_HANGUL = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
_LATIN = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")

needs_ocr = pytest.mark.skipif(
    Ocr.find(ReadLimits()) is None, reason="needs Tesseract: apt-get install tesseract-ocr tesseract-ocr-kor"
)
needs_korean = pytest.mark.skipif(
    not _HANGUL.exists(), reason="needs a Korean font: apt-get install fonts-noto-cjk"
)


def picture(columns: Sequence[tuple[int, Sequence[str]]], *, width: int = 2000) -> Image.Image:
    """Lines from the top, at the left edge of each column."""
    height = LEADING * (2 + max(len(lines) for _, lines in columns))
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    path = _HANGUL if _HANGUL.exists() else _LATIN
    font = ImageFont.truetype(str(path), SIZE, index=1) if path is _HANGUL else ImageFont.load_default(SIZE)
    for left, lines in columns:
        for row, line in enumerate(lines, start=1):
            draw.text((left, LEADING * row), line, font=font, fill=0)
    return page


def saved(first: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    first.save(file, kind, **options)
    return file.getvalue()


def scanned(pages: Sequence[Image.Image | str]) -> bytes:
    """A PDF whose pages are pictures, or, for a string, that text."""
    file = io.BytesIO()
    sheet = Canvas(file, pagesize=(480, 320))
    for page in pages:
        if isinstance(page, str):
            sheet.drawString(40, 200, page)
        else:
            height = 480 * page.height / page.width
            sheet.drawImage(ImageReader(page), 0, 320 - height, 480, height)
        sheet.showPage()
    sheet.save()
    return file.getvalue()
