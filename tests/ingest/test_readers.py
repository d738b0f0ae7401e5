"""Each reader on a real file of its kind."""

import datetime
import io
import unicodedata
import warnings
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pytest
from PIL import ImageOps
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, FrameBreak, PageTemplate, Paragraph, Spacer, Table

from ingest.cage import read_pages
from ingest.chunks import chunk_pages
from ingest.formats import FORMATS, format_of
from ingest.inside import pages_of
from ingest.limits import ReadLimits
from ingest.readers.building import PageBuilder
from ingest.readers.layout import PageLine, compose, type_area
from ingest.readers.pdfium import pdfium
from ingest.unreadable import UnknownFormat
from knowledge.documents import BlockKind, Page
from tests.ingest import files


def read(tmp_path: Path, name: str, content: bytes | str) -> tuple[list[Page], list[str]]:
    """The pages and warnings of a file, read in this process; every page is checked for soundness."""
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    notes: list[str] = []
    with warnings.catch_warnings():
        pages = list(pages_of(path, name=name, media_type="", limits=ReadLimits(), warn=notes.append))
    for number, page in enumerate(pages, start=1):
        assert page.number == number
        assert_sound(page)
    return pages, notes


def assert_sound(page: Page) -> None:
    assert unicodedata.is_normalized("NFC", page.text)
    assert "\r" not in page.text
    end = 0
    for block in page.blocks:
        assert not page.text[end : block.start].strip(), "what lies between blocks is white space"
        assert page.text[block.start : block.end].strip(), "no block is empty"
        assert (block.kind is BlockKind.HEADING) == (block.level > 0)
        end = block.end
    assert not page.text[end:].strip()


def outline(page: Page) -> list[str]:
    """Its blocks as "heading1 Travel policy"."""
    return [f"{b.kind}{b.level or ''} {page.text[b.start : b.end]}" for b in page.blocks]


def one(tmp_path: Path, name: str, content: bytes | str) -> Page:
    (page,), _ = read(tmp_path, name, content)
    return page


EVERY_KIND = [
    (
        "report.pdf",
        files.pdf([["First page", "", "Body of one."], ["Second page"]]),
        ["page 1", "page 2"],
        "Body of one.",
    ),
    ("policy.docx", files.word(), [""], "Seoul | 150 EUR"),
    ("results.pptx", files.slides(), ["slide 1", "slide 2"], "Sales rose"),
    ("prices.xlsx", files.workbook({"Prices": [["Item", "EUR"], ["Pen", 2]]}), ["Prices"], "Pen | 2"),
    ("prices.csv", b"Item;EUR\r\nPen;2\r\n", [""], "Pen | 2"),
    ("page.html", b"<h1>Pens</h1><p>Blue &amp; red", [""], "Blue & red"),
    ("notes.md", b"# Pens\n\nBlue ones.\n", [""], "Blue ones."),
    ("notes.txt", b"Blue pens.\n", [""], "Blue pens."),
    ("data.json", b'{"pens": [{"colour": "blue"}]}', [""], "pens[1].colour: blue"),
    ("data.jsonl", b'{"pen": "blue"}\n{"pen": "red"}\n', [""], "pen: red"),
    ("main.py", b"def pens():\n    return 2\n", [""], "    return 2"),
    ("feed.xml", b"<?xml version='1.0'?><pens><pen>blue</pen></pens>", [""], "<pen>blue</pen>"),
    ("rules.hwpx", files.hwpx(["#제1장 총칙", "볼펜은 파란색으로 한다."]), [""], "볼펜은 파란색으로 한다."),
    ("rules.hwp", files.hwp(["제1장 총칙", "볼펜은 파란색으로 한다."]), [""], "볼펜은 파란색으로 한다."),
    ("mail.eml", files.mail(), [""], "Bring the plan."),
    ("pens.epub", files.book({"one.xhtml": "<h1>Pens</h1><p>Blue ones.</p>"}), ["Pens"], "Blue ones."),
    (
        "pens.zip",
        files.archive({"b/notes.txt": "Blue pens.", "a.md": "# Red\n\nRed pens."}),
        ["a.md ›", "b/notes.txt ›"],
        "Blue pens.",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "labels", "text"), EVERY_KIND, ids=[case[0] for case in EVERY_KIND]
)
def test_every_kind_of_file_is_read_in_the_cage(tmp_path, name, content, labels, text):
    path = tmp_path / "doc_1-abc"
    path.write_bytes(content)
    result = read_pages(path, name=name)
    assert [page.label for page in result.pages] == labels
    assert [page.number for page in result.pages] == list(range(1, len(labels) + 1))
    assert any(text in page.text for page in result.pages)
    for page in result.pages:
        assert_sound(page)


def test_every_format_of_the_table_is_read_by_a_test():
    elsewhere = {"picture"}  # test_ocr.py
    assert {format_of(case[0]).reader for case in EVERY_KIND} | elsewhere == {
        known.reader for known in FORMATS
    }


def test_a_name_without_an_extension_is_read_by_its_media_type():
    assert format_of("report", "application/pdf; version=1.7").name == "PDF"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("film.mp4", "Cannot read .mp4 files: upload one of PDF, Word"),
        ("letter.doc", "Cannot read .doc files: save it as .docx."),
        ("Makefile", "Cannot read files without an extension"),
    ],
)
def test_an_unknown_kind_is_refused_by_name(name, says):
    with pytest.raises(UnknownFormat, match=says.replace(".", r"\.")):
        format_of(name, "application/octet-stream")


# PDF

PROSE = (
    "The notice period is four weeks during the first two years of employment",
    "and eight weeks later on, unless the contract says something that is better",
    "for the employee.",
)


def test_lines_of_a_pdf_that_were_wrapped_are_one_sentence(tmp_path):
    page = one(tmp_path, "a.pdf", files.pdf([[*PROSE, "", "A new paragraph begins here."]]))
    assert outline(page) == [f"paragraph {' '.join(PROSE)}", "paragraph A new paragraph begins here."]


def test_larger_and_bold_lines_of_a_pdf_are_headings(tmp_path):
    lines = [("Handbook", 20, True), "", ("Leave", 14, True), *PROSE, "", ("Sick leave", 10, True), *PROSE]
    page = one(tmp_path, "a.pdf", files.pdf([lines]))
    assert [line for line in outline(page) if line.startswith("heading")] == [
        "heading1 Handbook",
        "heading2 Leave",
        "heading4 Sick leave",
    ]


def test_a_row_that_fills_its_column_is_cut_where_the_columns_of_its_neighbours_begin(tmp_path):
    long = "The very longest row of them all for all"  # almost to the second column
    rows = ["City\tHotel limit\tMeals", f"{long}\t150 EUR\t60 EUR", "Busan\t120 EUR\t50 EUR"]
    page = one(tmp_path, "a.pdf", files.pdf([[*PROSE, "", *rows, "", *PROSE]]))
    assert any(f"{long} | 150 EUR | 60 EUR" in block for block in outline(page))


def test_rows_of_a_pdf_table_stay_rows(tmp_path):
    rows = ["City\tHotel limit\tMeals", "Seoul\t150 EUR\t60 EUR", "Busan\t120 EUR\t50 EUR"]
    page = one(tmp_path, "a.pdf", files.pdf([[*PROSE, "", *rows, "", *PROSE]]))
    assert "table City | Hotel limit | Meals\nSeoul | 150 EUR | 60 EUR\nBusan | 120 EUR | 50 EUR" in outline(
        page
    )


def test_a_sign_that_stands_off_its_figure_is_no_cell():
    rows = [
        ("USD million", "2025", "2024"),
        ("Revenue", "$", "1,240", "$", "(930", ")"),
        ("Margin", "31", "%", "29", "%"),
    ]
    lines = [
        PageLine(
            text=" ".join(cells), size=10, bold=False, left=40, right=500, base=700 - 14 * row, cells=cells
        )
        for row, cells in enumerate(rows)
    ]
    builder = PageBuilder()
    compose(lines, type_area([lines]), builder)
    page = builder.page(1, "page 1")
    assert outline(page) == [
        "table USD million | 2025 | 2024\nRevenue | $ 1,240 | $ (930)\nMargin | 31% | 29%"
    ]


def test_two_columns_of_a_pdf_are_read_one_after_the_other_and_a_table_in_one_stays_a_table(tmp_path):
    style, space = getSampleStyleSheet()["Normal"], Spacer(1, 12)
    left = "Employees receive fifteen days of paid annual leave after the first year of service. " * 3
    right = "Travel costs are paid back when the receipts reach the People Team within thirty days. " * 3
    rows = [
        ["City", "Hotel limit", "Meals a day"],
        ["Seoul", "150 EUR", "60 EUR"],
        ["Busan and south", "120 EUR", "50 EUR"],
    ]
    file = io.BytesIO()
    report = BaseDocTemplate(file, pagesize=(600, 400))
    frames = [Frame(left_edge, 40, 250, 320) for left_edge in (40, 310)]
    report.addPageTemplates(PageTemplate(frames=frames))
    report.build(
        [
            Paragraph(left, style),
            FrameBreak(),
            Paragraph(right, style),
            space,
            Table(rows),
            space,
            Paragraph(right, style),
        ]
    )
    page = one(tmp_path, "a.pdf", file.getvalue())
    assert outline(page) == [
        f"paragraph {left.strip()}",
        f"paragraph {right.strip()}",
        "table City | Hotel limit | Meals a day\nSeoul | 150 EUR | 60 EUR\nBusan and south | 120 EUR | 50 EUR",
        f"paragraph {right.strip()}",
    ]


def test_a_word_that_a_pdf_hyphenates_stays_one_word(tmp_path):
    lines = [
        "The working time of part-time employees is counted in hours and not in work-",
        "days of the week.",
    ]
    page = one(tmp_path, "a.pdf", files.pdf([lines]))
    assert "work-days of the week." in page.text


def test_an_article_of_a_korean_regulation_is_a_heading_of_its_first_paragraph(tmp_path):
    lines = [
        "제1장 총칙",
        "",
        "제1조(목적) 이 규정은 휴가에 관한 사항을 정한다.",
        "",
        "① 직원은 휴가를 신청한다.",
    ]
    page = one(tmp_path, "규정.pdf", files.pdf([lines]))
    assert outline(page) == [
        "heading1 제1장 총칙",
        "heading4 제1조(목적)",
        "paragraph 이 규정은 휴가에 관한 사항을 정한다.",
        "list ① 직원은 휴가를 신청한다.",
    ]


def test_pages_of_a_pdf_without_text_are_told(tmp_path):
    pages, notes = read(tmp_path, "a.pdf", files.pdf([["Text"], [], ["More"], []]))
    assert [page.text for page in pages] == ["Text", "", "More", ""]
    assert notes == ["pages 2, 4 have no text"]


def test_what_repeats_at_the_edge_of_pages_is_no_heading(tmp_path):
    pages = [[("Solbaram handbook", 14, True), "", (f"Chapter {n}", 14, True), *PROSE] for n in range(1, 6)]
    found, _ = read(tmp_path, "a.pdf", files.pdf(pages))
    headings = [[line for line in outline(page) if line.startswith("heading")] for page in found]
    assert headings == [[f"heading1 Chapter {n}"] for n in range(1, 6)]


SCATTERED = {
    "HYSMyeongJo-Medium": "제27호",
    "HYGothic-Medium": "제27호",
    "HeiseiMin-W3": "第27条",
    "HeiseiKakuGo-W5": "第27条",
    "STSong-Light": "第27条",
    "MSung-Light": "第27條",
}


def scattered(font: str, text: str) -> bytes:
    """A PDF that draws each character by itself, in a font that it does not bring along."""
    pdfmetrics.registerFont(UnicodeCIDFont(font))
    file = io.BytesIO()
    sheet = Canvas(file, pagesize=(400, 100))
    sheet.setFont(font, 20)
    for place, character in enumerate(text):
        sheet.drawString(20 + 20 * place, 50, character)
    sheet.save()
    return file.getvalue()


@pytest.mark.parametrize(("font", "text"), SCATTERED.items(), ids=SCATTERED)
def test_a_font_that_a_pdf_does_not_bring_along_costs_no_character(tmp_path, font, text):
    assert one(tmp_path, "a.pdf", scattered(font, text)).text.replace(" ", "") == text


def test_no_font_of_the_machine_is_used(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(scattered("HYSMyeongJo-Medium", "이"))
    with pdfium.PdfDocument(path) as document:
        picture = document[0].render(scale=4).to_pil().convert("L")
    left, top, right, bottom = ImageOps.invert(picture).getbbox()
    drawn = picture.crop((left + 1, top + 1, right - 1, bottom - 1))
    assert drawn.getextrema() == (0, 0), "the square of the font that stands in, on every machine"


# Word


def test_a_word_document_keeps_its_order_and_structure(tmp_path):
    assert outline(one(tmp_path, "a.docx", files.word())) == [
        "heading1 Travel policy",
        "paragraph Book trains first.",
        "heading2 Hotels",
        "list - Up to 120 EUR a night\n- Breakfast is paid",
        "table City | Limit\nSeoul | 150 EUR",
        "paragraph Ask before you book.",
        "paragraph Confidential draft",
    ]


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BODY_CASES = {
    "deleted text is left out": (
        "<w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>",
        "kept",
    ),
    "inserted text counts": ("<w:ins><w:r><w:t>new</w:t></w:r></w:ins>", "new"),
    "hidden text is left out": (
        "<w:r><w:t>seen</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>not</w:t></w:r>",
        "seen",
    ),
    "tabs and breaks are white space": (
        "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>",
        "a\tb\nc",
    ),
    "field codes are left out": (
        "<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7 days</w:t></w:r>",
        "7 days",
    ),
    "a content control is text": (
        "<w:sdt><w:sdtContent><w:r><w:t>chosen</w:t></w:r></w:sdtContent></w:sdt>",
        "chosen",
    ),
}


@pytest.mark.parametrize(("inside", "shown"), BODY_CASES.values(), ids=BODY_CASES)
def test_a_word_paragraph_is_what_a_person_sees(tmp_path, inside, shown):
    document = f"<w:document {W}><w:body><w:p>{inside}</w:p></w:body></w:document>"
    assert one(tmp_path, "a.docx", files.repacked(files.word(), word__document_xml=document)).text.startswith(
        shown
    )


def test_a_text_box_is_read_once(tmp_path):
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    document = (
        f'<w:document {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body><w:p><w:r>'
        f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
        "<w:t>around</w:t></w:r></w:p></w:body></w:document>"
    )
    page = one(tmp_path, "a.docx", files.repacked(files.word(), word__document_xml=document))
    assert outline(page)[:2] == ["paragraph around", "paragraph boxed"]


def test_merged_cells_of_a_word_table_are_read_once(tmp_path):
    document = docx.Document()
    table = document.add_table(rows=2, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Limits in EUR"
    table.cell(1, 0).text, table.cell(1, 1).text = "Seoul", "150"
    assert outline(one(tmp_path, "a.docx", files.saved(document))) == ["table Limits in EUR\nSeoul | 150"]


# Slides


def test_a_slide_has_its_title_points_table_and_notes(tmp_path):
    pages, _ = read(tmp_path, "a.pptx", files.slides())
    assert outline(pages[0]) == [
        "heading1 Results",
        "list - Sales rose\n- Costs fell",
        "paragraph Mention the new shop.",
    ]
    assert outline(pages[1]) == ["heading1 By region", "table Region | Sales\nNorth | 12"]


# Sheets


def test_cells_are_shown_as_people_see_them(tmp_path):
    book = openpyxl.Workbook()
    cells = [
        (datetime.datetime(2026, 3, 1), "yyyy-mm-dd", "2026-03-01"),
        (datetime.datetime(2026, 3, 1, 9, 30), "yyyy-mm-dd hh:mm", "2026-03-01 09:30"),
        (datetime.time(18, 0), "hh:mm", "18:00:00"),
        (0.125, "0.0%", "12.5%"),
        (1234567, "#,##0", "1,234,567"),
        (1234.5, '#,##0"원"', "1,234원"),
        (-5, "#,##0;(#,##0)", "(5)"),
        (1500, "[$₩-412]#,##0", "₩1,500"),
        (0.1 + 0.2, "General", "0.3"),
        (3.0, "General", "3"),
        (True, "General", "TRUE"),
        ("two\nlines", "General", "two lines"),
        ("연차", "General", "연차"),
    ]
    for row, (value, code, _) in enumerate(cells, start=1):
        book.active.cell(row, 1, value).number_format = code
    page = one(tmp_path, "a.xlsx", files.saved(book))
    assert page.text.split("\n") == [shown for _, _, shown in cells]


def test_a_line_of_a_sheet_is_its_row_and_tables_are_apart_at_empty_rows(tmp_path):
    rows = [["Item", "EUR", None], ["Pen", 2, None], [], [None, "Total", 2]]
    page = one(tmp_path, "a.xlsx", files.workbook({"Prices": rows}))
    assert page.text.split("\n") == ["Item | EUR", "Pen | 2", "", "| Total | 2"]
    assert [block.kind for block in page.blocks] == [BlockKind.TABLE, BlockKind.TABLE]


def test_sheets_are_pages_and_hidden_ones_are_told(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "2026"
    book.active.append(["a", 1])
    secret = book.create_sheet("Salaries")
    secret.append(["b", 2])
    secret.sheet_state = "hidden"
    pages, notes = read(tmp_path, "a.xlsx", files.saved(book))
    assert [page.label for page in pages] == ["2026"]
    assert notes == ["sheet Salaries is hidden and was left out"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_found(tmp_path, delimiter):
    lines = [delimiter.join(row) for row in (("도시", "한도"), ("서울", "1.5"), ("부산", "2.0"))]
    assert one(tmp_path, "a.csv", "\n".join(lines)).text == "도시 | 한도\n서울 | 1.5\n부산 | 2.0"


def test_a_cell_of_several_lines_does_not_shift_the_lines_of_a_csv(tmp_path):
    page = one(tmp_path, "a.csv", 'Name,Note\r\nKim,"first\r\nsecond"\r\nLee,none\r\n')
    assert page.text.split("\n") == ["Name | Note", "Kim | first second", "", "Lee | none"]


# Text and markup

ENCODED = {
    "utf-8": "제1조 연차휴가 15일 — café",
    "utf-8-sig": "제1조 연차휴가 15일",
    "utf-16": "제1조 연차휴가 15일",
    "utf-16-le": "제1조 연차휴가 15일",
    "utf-16-be": "Annual leave: 15 days",
    "utf-32": "연차휴가",
    "cp949": "똠방각하의 연차휴가는 15일이다.",
    "euc-kr": "연차",
    "latin-1": "Où sont les élèves? À l'école, garçon.",
    "cp1252": "Ärzte – “Öl” kostet 12 €",
}


@pytest.mark.parametrize(("encoding", "text"), ENCODED.items())
def test_text_is_read_in_the_encoding_that_it_has(tmp_path, encoding, text):
    assert one(tmp_path, "a.txt", text.encode(encoding)).text == text


def test_lines_in_two_encodings_are_read_each_in_its_own(tmp_path):
    lines = [b"ok", "연차휴가는 15일이다.".encode(), "출장비는 5만원이다.".encode("cp949")] * 3
    assert one(tmp_path, "a.log", b"\n".join(lines)).text == "\n".join(
        ["ok", "연차휴가는 15일이다.", "출장비는 5만원이다."] * 3
    )


def test_text_that_was_cut_in_the_middle_of_a_character_is_still_text(tmp_path):
    assert one(tmp_path, "a.txt", "연차휴가는 15일".encode()[:-1]).text == "연차휴가는 15"


def test_hangul_in_pieces_is_put_together(tmp_path):
    assert one(tmp_path, "a.txt", unicodedata.normalize("NFD", "연차휴가")).text == "연차휴가"


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("an\u200bnu\u00adal\ufeff", "annual"),
        ("pay \u202e051\u202c now", "pay 051 now"),
        ("no\x00pe", "nope"),
        ("a\u00a0b\u3000c\td", "a b c\td"),
        ("x\U000e0041\U000e0042y", "xy"),
        ("effi\ufb01cient", "effificient"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
    ],
)
def test_what_nobody_can_see_is_taken_out(tmp_path, hidden, shown):
    assert (
        one(tmp_path, "a.md", f"One or two words, {hidden} and more.").text
        == f"One or two words, {shown} and more."
    )


def test_lines_of_a_text_keep_their_number(tmp_path):
    page = one(tmp_path, "a.txt", "1. Scope of the Policy\r\n\r\nFirst.\rSecond.\r\n\r\n- one\r\n- two")
    assert page.text.split("\n") == ["1. Scope of the Policy", "", "First.", "Second.", "", "- one", "- two"]
    assert outline(page) == [
        "heading2 1. Scope of the Policy",
        "paragraph First.\nSecond.",
        "list - one\n- two",
    ]


def test_markdown_stays_as_it_is_and_its_blocks_are_found(tmp_path):
    text = (
        "---\ntitle: x\n---\n# Leave\nIntro\ntext.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n\n"
        "Under\n-----\n```python\n# not a heading\n```\nAfter"
    )
    page = one(tmp_path, "a.md", text)
    assert page.text == text
    assert outline(page) == [
        "code ---\ntitle: x\n---",
        "heading1 # Leave",
        "paragraph Intro\ntext.",
        "table | a | b |\n|---|---|\n| 1 | 2 |",
        "list - one\n- two",
        "heading2 Under\n-----",
        "code ```python\n# not a heading\n```",
        "paragraph After",
    ]


def test_html_is_what_a_person_sees(tmp_path):
    html = """<html><head><title>T</title><style>p{}</style></head><body><h1>Leave <em>rules</em></h1>
    <p>Ask <b>early</b>,<br>please.</p><p style="display: none">secret</p><p hidden>secret</p><!-- secret -->
    <script>secret()</script><ol><li>Form<ul><li>blue one</li></ul></li><li>Sign</li></ol>
    <table><tr><th>City<th>Limit</tr><tr><td>Seoul<td>150</tr></table><pre>a\n  b</pre></body></html>"""
    assert outline(one(tmp_path, "a.html", html)) == [
        "heading1 Leave rules",
        "paragraph Ask early,\nplease.",
        "list 1. Form\n  - blue one\n2. Sign",
        "table City | Limit\nSeoul | 150",
        "code a\n  b",
    ]


def test_html_in_the_encoding_that_it_declares(tmp_path):
    html = '<meta charset="euc-kr"><p>연차휴가</p>'.encode("euc-kr")
    assert one(tmp_path, "a.html", html).text == "연차휴가"


def test_json_values_stand_behind_their_paths(tmp_path):
    page = one(
        tmp_path,
        "a.json",
        '{"team": {"name": "솔"}, "members": [{"name": "Kim", "days": [1, 2]}, {"name": "Lee"}]}',
    )
    assert page.text == "team.name: 솔\n\nmembers[1].name: Kim\nmembers[1].days: 1, 2\n\nmembers[2].name: Lee"


def test_a_record_of_json_lines_stands_on_its_line(tmp_path):
    assert one(tmp_path, "a.jsonl", '{"a": 1, "b": null}\n\n{"a": "x"}\n').text == "a: 1 | b: null\n\na: x"


def test_hwpx_has_headings_tables_notes_and_the_text_behind_tabs(tmp_path):
    table = (
        "<hp:tbl><hp:tr><hp:tc><hp:subList><hp:p><hp:run><hp:t>도시</hp:t></hp:run></hp:p></hp:subList></hp:tc>"
        "<hp:tc><hp:subList><hp:p><hp:run><hp:t>한도</hp:t></hp:run></hp:p><hp:p><hp:run><hp:t>(원)</hp:t></hp:run></hp:p>"
        "</hp:subList></hp:tc></hp:tr></hp:tbl>"
    )
    note = "<hp:ctrl><hp:footNote><hp:subList><hp:p><hp:run><hp:t>각주</hp:t></hp:run></hp:p></hp:subList></hp:footNote></hp:ctrl>"
    page = one(
        tmp_path,
        "규정.hwpx",
        files.hwpx(
            ["#총칙", "<hp:t>앞<hp:tab/>뒤<hp:lineBreak/>다음</hp:t>", table, f"<hp:t>본문</hp:t>{note}"]
        ),
    )
    assert outline(page) == [
        "heading1 총칙",
        "paragraph 앞\t뒤\n다음",
        "table 도시 | 한도 (원)",
        "paragraph 본문",
        "paragraph [1] 각주",
    ]


def test_sections_of_an_hwpx_come_in_the_order_of_their_numbers(tmp_path):
    section = '<hs:sec xmlns:hs="s" xmlns:hp="p"><hp:p><hp:run><hp:t>{}</hp:t></hp:run></hp:p></hs:sec>'
    parts = {f"Contents/section{n}.xml": section.format(f"part {n}") for n in (10, 2)}
    assert one(tmp_path, "a.hwpx", files.hwpx(["part 0"], **parts)).text == "part 0\n\npart 2\n\npart 10"


def test_mail_tells_who_wrote_what_and_names_an_attachment_that_cannot_be_read(tmp_path):
    (page,), notes = read(tmp_path, "a.eml", files.mail())
    assert outline(page)[0] == "heading1 회의 일정"
    assert "From: Kim <kim@example.com>" in page.text
    assert notes == [
        "attachment plan.pdf was not read: "
        "The PDF is damaged or not complete: export it again and upload the new file."
    ]


def test_attachments_of_a_mail_are_read_under_their_names(tmp_path):
    letter = EmailMessage()
    letter["Subject"] = "Travel"
    letter.set_content("See the files.")
    for name, content in (("계획.docx", files.word()), ("film.mp4", b"x")):
        letter.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    answer = EmailMessage()
    answer["Subject"] = "An older letter"
    answer.set_content("Old words.")
    letter.add_attachment(answer)
    pages, notes = read(tmp_path, "a.eml", letter.as_bytes())
    assert [page.label for page in pages] == ["", "계획.docx ›", "letter.eml ›"]
    assert "Seoul | 150 EUR" in pages[1].text
    assert "Old words." in pages[2].text
    assert [note.split(":")[0] for note in notes] == ["attachment film.mp4 was not read"]


# Books and bundles


def test_the_parts_of_a_book_are_pages_in_its_order(tmp_path):
    parts = {
        "cover.xhtml": "<img src='x.png'/>",
        "b%20b.xhtml": "<h1>Leave</h1><p>Fifteen&nbsp;days.</p><table><tr><td>a</td><td>b</td></tr></table>",
        "a.xhtml": "<p>An appendix.</p>",
    }
    pages, notes = read(tmp_path, "a.epub", files.book(parts))
    assert [page.label for page in pages] == ["part 1", "Leave", "part 3"]
    assert outline(pages[1]) == ["heading1 Leave", "paragraph Fifteen days.", "table a | b"]
    assert pages[2].text == "An appendix."
    assert notes == []


def test_every_file_of_a_zip_is_read_and_what_is_not_is_told(tmp_path):
    content = files.archive(
        {
            "계약/임대.pdf": files.pdf([["Rent is due"], ["on the first."]]),
            "prices.xlsx": files.workbook({"Prices": [["Item", "EUR"], ["Pen", 2]]}),
            "notes/meeting.txt": "We meet on Monday.",
            "inner.zip": files.archive({"a.txt": "x"}),
            "broken.docx": files.word()[:5000],
            "film.mp4": b"x",
            "__MACOSX/notes.txt": b"x",
            "notes/.hidden.txt": b"x",
            "folder/": b"",
        }
    )
    pages, notes = read(tmp_path, "a.zip", content)
    assert [page.label for page in pages] == [
        "notes/meeting.txt ›",
        "prices.xlsx › Prices",
        "계약/임대.pdf › page 1",
        "계약/임대.pdf › page 2",
    ]
    assert notes == [
        "broken.docx was not read: The file is damaged or incomplete: upload the original again.",
        "inner.zip was not read: A ZIP inside another file is not opened: unpack it and upload the files in it.",
        "no reader for film.mp4",
    ]


def test_chunks_of_a_zip_say_in_which_file_they_are_and_where(tmp_path):
    content = files.archive(
        {
            "a.md": "# Leave\n\nFifteen days.",
            "b.txt": "One.\n\nTwo.",
            "c/it's.csv": "Item,EUR\nPen,2\n",
            "d.xlsx": files.workbook({"Prices": [["Item", "EUR"], ["Pen", 2]]}),
        }
    )
    pages, _ = read(tmp_path, "a.zip", content)
    chunks = chunk_pages(pages, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert [(chunk.locator, chunk.section) for chunk in chunks] == [
        ("a.md, lines 1-3", ("a.md", "Leave")),
        ("b.txt, lines 1-3", ("b.txt",)),
        ("c/it's.csv, lines 1-2", ("c/it's.csv",)),
        ("d.xlsx, Prices!A1:B2", ("d.xlsx",)),
    ]
    for chunk in chunks:
        assert pages[chunk.page - 1].text[chunk.start : chunk.end] == chunk.text


def test_korean_names_in_a_zip_made_on_windows_are_read(tmp_path):
    packed = files.archive({"xxxx.txt": "내용"})
    assert "휴가.txt".encode("cp949").__len__() == 8
    named = packed.replace(b"xxxx.txt", "휴가.txt".encode("cp949"))
    pages, _ = read(tmp_path, "a.zip", named)
    assert pages[0].label == "휴가.txt ›"


def test_a_path_in_a_zip_is_only_a_name(tmp_path):
    pages, _ = read(tmp_path, "a.zip", files.archive({"../../etc/cron.txt": "harmless"}))
    assert [(page.label, page.text) for page in pages] == [("../../etc/cron.txt ›", "harmless")]


MACROS = {
    "a.docm": (files.word(), "word__vbaProject_bin", "Ask before you book."),
    "a.pptm": (files.slides(), "ppt__vbaProject_bin", "Sales rose"),
    "a.xlsm": (files.workbook({"A": [["Pen", 2]]}), "xl__vbaProject_bin", "Pen | 2"),
}


@pytest.mark.parametrize(("name", "case"), MACROS.items(), ids=MACROS)
def test_a_file_with_macros_is_read_without_them(tmp_path, name, case):
    content, macros, text = case
    pages, _ = read(tmp_path, name, files.repacked(content, **{macros: b"Sub AutoOpen() EVIL"}))
    assert text in pages[0].text
    assert not any("EVIL" in page.text for page in pages)
