"""Pictures of text: scanned PDFs and image files, read by the real Tesseract."""

import io
import struct
import zlib
from pathlib import Path

import pypdf
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from ingest.cage import ReadResult, read_pages
from ingest.limits import ReadLimits
from ingest.readers import ocr
from ingest.readers.pages import named
from ingest.unreadable import NeedsOcr, NoText, TooLarge, TooSlow
from knowledge.documents import BlockKind
from tests.ingest import files
from tests.ingest.pictures import needs_korean, needs_ocr, picture, saved, scanned
from tests.ingest.test_readers import assert_sound, read

RULES = [
    "Chapter 3 Annual leave",
    "Employees receive 15 days of paid annual leave",
    "after the first year of service.",
]


def in_cage(tmp_path: Path, name: str, content: bytes, **limits: object) -> ReadResult:
    path = tmp_path / "upload"
    path.write_bytes(content)
    result = read_pages(path, name=name, limits=ReadLimits(**limits))  # type: ignore[arg-type]
    for page in result.pages:
        assert_sound(page)
    return result


@needs_ocr
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_a_picture_of_text_is_read_in_the_cage(tmp_path, kind):
    result = in_cage(tmp_path, f"notice.{kind.lower()}", saved(picture([(80, RULES)]), kind))
    (page,) = result.pages
    assert "15 days of paid annual leave" in page.text
    assert (page.blocks[0].kind, page.text[: page.blocks[0].end]) == (BlockKind.HEADING, RULES[0])
    assert result.warnings == ["page 1 was read by OCR and may hold mistakes"]


@needs_ocr
@needs_korean
def test_korean_is_read_with_its_spaces(tmp_path):
    lines = ["제3장 연차휴가", "제15조(연차휴가) 회사는 직원에게 15일의 유급휴가를 준다."]
    text = in_cage(tmp_path, "규정.png", saved(picture([(80, lines)]), "PNG")).pages[0].text
    assert "제3장 연차휴가" in text
    assert "직원에게 15일의 유급휴가를 준다." in text


@needs_ocr
def test_only_the_pages_of_a_pdf_that_are_pictures_are_read_by_ocr(tmp_path):
    told: list[tuple[int, int | None]] = []
    path = tmp_path / "upload"
    path.write_bytes(scanned(["Text of page one.", picture([(80, RULES)]), "Text of page three."]))
    result = read_pages(path, name="a.pdf", on_progress=lambda read, total: told.append((read, total)))
    assert [page.label for page in result.pages] == ["page 1", "page 2", "page 3"]
    assert "15 days of paid annual leave" in result.pages[1].text
    assert result.pages[2].text == "Text of page three."
    assert result.warnings == ["page 2 was read by OCR and may hold mistakes"]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@needs_ocr
def test_the_stamp_on_a_scan_does_not_stand_for_its_text(tmp_path):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(scanned([picture([(80, RULES * 3)], width=1500)])))
    writer.pages[0].merge_page(pypdf.PdfReader(io.BytesIO(files.pdf([["Received 3 March"]]))).pages[0])
    stamped = io.BytesIO()
    writer.write(stamped)
    assert "15 days of paid annual leave" in in_cage(tmp_path, "a.pdf", stamped.getvalue()).pages[0].text


@needs_ocr
def test_each_page_of_a_tiff_is_a_page(tmp_path):
    pages = [picture([(80, [f"This is page {word} of the fax."])], width=1200) for word in ("one", "two")]
    result = in_cage(tmp_path, "fax.tiff", saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert [page.label for page in result.pages] == ["page 1", "page 2"]
    assert [page.text for page in result.pages] == [
        f"This is page {word} of the fax." for word in ("one", "two")
    ]
    assert result.warnings == ["pages 1, 2 were read by OCR and may hold mistakes"]


@needs_ocr
def test_two_columns_are_read_one_after_the_other(tmp_path):
    left = [
        "Employees receive fifteen days",
        "of annual leave after the first",
        "year of service in the firm,",
    ] * 2
    right = ["Travel costs are paid back", "when the receipts come within", "thirty days of the journey."] * 2
    text = in_cage(tmp_path, "a.png", saved(picture([(80, left), (1100, right)]), "PNG")).pages[0].text
    assert " ".join(text.split()) == " ".join([*left, *right])


@needs_ocr
def test_rows_of_a_scanned_table_stay_rows(tmp_path):
    columns = [
        (80, ["City", "Seoul", "Busan"]),
        (800, ["Hotel limit", "150 EUR", "120 EUR"]),
        (1500, ["Meals", "60 EUR", "50 EUR"]),
    ]
    (page,) = in_cage(tmp_path, "a.png", saved(picture(columns), "PNG")).pages
    assert page.text == "City | Hotel limit | Meals\nSeoul | 150 EUR | 60 EUR\nBusan | 120 EUR | 50 EUR"
    assert [block.kind for block in page.blocks] == [BlockKind.TABLE]


@needs_ocr
def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path):
    sideways = picture([(80, RULES)]).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it upright
    assert "annual leave" in in_cage(tmp_path, "a.jpg", saved(sideways, "JPEG", exif=exif)).pages[0].text


@needs_ocr
def test_a_transparent_picture_is_read_as_on_paper(tmp_path):
    ink = picture([(80, RULES)])
    clear = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    clear.putalpha(ink.point(lambda value: 255 - value))
    assert "annual leave" in in_cage(tmp_path, "a.png", saved(clear, "PNG")).pages[0].text


@needs_ocr
def test_a_picture_without_text_is_refused(tmp_path):
    with pytest.raises(NoText, match=r"OCR found no text in the picture: upload"):
        in_cage(tmp_path, "a.png", saved(Image.new("L", (400, 400), 255), "PNG"))


@needs_ocr
def test_only_the_first_picture_of_an_animation_is_read_and_that_is_told(tmp_path):
    frames = [
        picture([(80, ["The first picture of it."])], width=900),
        picture([(80, ["Another picture."])], width=900),
    ]
    result = in_cage(tmp_path, "a.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert [page.text for page in result.pages] == ["The first picture of it."]
    assert result.warnings[0] == "only the first picture of the animation was read"


def huge_png(width: int, height: int) -> bytes:
    """The head of a PNG that says how large it is, and little more."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + part(b"IDAT", zlib.compress(b"\0" * 100)) + part(b"IEND", b"")  # fmt: skip


@needs_ocr
def test_a_picture_of_a_hundred_megapixels_is_refused_by_its_limit(tmp_path):
    with pytest.raises(TooLarge, match=r"has 100 megapixels, the limit is 64: make it smaller"):
        in_cage(tmp_path, "a.png", huge_png(10_000, 10_000))


@needs_ocr
def test_a_page_that_takes_ocr_too_long_is_told_by_its_limit(tmp_path):
    content = scanned(["Text of page one.", picture([(80, RULES * 3)])])
    result = in_cage(tmp_path, "a.pdf", content, ocr_seconds=0.01)
    assert result.warnings == ["page 2 could not be read by OCR within 0 s a page, the limit"]
    with pytest.raises(TooSlow, match="longer than 0 s a page, the limit"):
        in_cage(tmp_path, "a.png", saved(picture([(80, RULES)]), "PNG"), ocr_seconds=0.01)


def test_a_pdf_page_as_large_as_a_football_field_is_no_harm(tmp_path):
    file = io.BytesIO()
    sheet = Canvas(file, pagesize=(300_000, 200_000))
    sheet.rect(1000, 1000, 5000, 5000, fill=1)
    sheet.showPage()
    sheet.drawString(100, 100, "Text")
    sheet.save()
    assert in_cage(tmp_path, "a.pdf", file.getvalue()).pages[1].text == "Text"


@pytest.fixture
def not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(ocr, "_FOLDERS", (str(tmp_path),))
    ocr._installed.cache_clear()
    yield
    ocr._installed.cache_clear()


def test_without_ocr_a_picture_is_refused_with_what_to_install(tmp_path, not_installed):
    for name, content in (
        ("a.png", saved(picture([(80, RULES)]), "PNG")),
        ("a.pdf", scanned([picture([(80, RULES)])])),
    ):
        with pytest.raises(
            NeedsOcr,
            match=r"pip install 'doumi\[ocr\]' and, on Debian, apt-get install tesseract-ocr tesseract-ocr-kor",
        ):
            read(tmp_path, name, content)


def test_without_ocr_a_pdf_with_some_text_is_read_and_its_pictures_are_told(tmp_path, not_installed):
    pages, notes = read(tmp_path, "a.pdf", scanned(["Text of page one.", picture([(80, RULES)])]))
    assert [page.text for page in pages] == ["Text of page one.", ""]
    assert notes == [f"page 2 has no text: {ocr.HINT}"]


def test_ocr_can_be_switched_off(tmp_path):
    with pytest.raises(NeedsOcr):
        in_cage(tmp_path, "a.png", saved(picture([(80, RULES)]), "PNG"), ocr=False)


@pytest.mark.parametrize(
    ("pages", "said"),
    [([7], "page 7"), ([2, 4], "pages 2, 4"), ([1, 2], "pages 1, 2"), ([1, 2, 3, 7], "pages 1-3, 7"), (list(range(1, 99, 2)), "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39 and 29 more")],
)  # fmt: skip
def test_pages_are_named_as_people_do(pages, said):
    assert named(pages) == said
