"""An example document as a DOCX."""

import io
from datetime import datetime

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph

from knowledge.examples.archive import undated
from knowledge.examples.source import Element, Heading, Item, Note, Paragraph, Source, Table, runs

_FONTS = {"en": "Calibri", "ko": "맑은 고딕"}
_ACCENT = RGBColor(0x0F, 0x5C, 0x6E)
_WRITTEN = datetime(2026, 1, 1)


def write_docx(source: Source) -> bytes:
    """The document, the same byte for byte each time."""
    document = Document()
    _describe(document, source)
    _set_fonts(document, _FONTS[source.language])
    document.add_heading(source.title, level=0)
    document.add_paragraph().add_run(source.subtitle).italic = True
    document.add_paragraph(f"{source.publisher} · {source.edition}")
    for element in source.elements:
        _add(document, element)
    target = io.BytesIO()
    document.save(target)
    return undated(target.getvalue())


def _describe(document: WordDocument, source: Source) -> None:
    about = document.core_properties
    about.title, about.author, about.subject = source.title, source.publisher, source.edition
    about.language, about.comments = source.language, ""
    about.created = about.modified = _WRITTEN


def _set_fonts(document: WordDocument, font: str) -> None:
    for name, size in {"Normal": 10.5, "Title": 24, "Heading 1": 15, "Heading 2": 12}.items():
        style = document.styles[name]
        style.font.name, style.font.size = font, Pt(size)
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
        if name != "Normal":
            style.font.color.rgb = _ACCENT


def _add(document: WordDocument, element: Element) -> None:
    match element:
        case Heading(level=level, text=text):
            document.add_heading(text, level=level)
        case Paragraph(text=text):
            _write(document.add_paragraph(), text)
        case Item(marker="-", text=text):
            _write(document.add_paragraph(style="List Bullet"), text)
        case Item(marker=marker, depth=depth, text=text):
            item = document.add_paragraph()
            item.paragraph_format.left_indent = Pt(14 * (depth + 1))
            item.paragraph_format.first_line_indent = Pt(-14)
            _write(item, f"{marker} {text}")
        case Note(text=text):
            _write(document.add_paragraph(style="Intense Quote"), text)
        case Table():
            _add_table(document, element)


def _add_table(document: WordDocument, table: Table) -> None:
    if table.caption:
        document.add_paragraph(table.caption, style="Caption")
    grid = document.add_table(rows=0, cols=len(table.rows[0]), style="Light Grid Accent 1")
    for row in table.rows:
        for cell, text in zip(grid.add_row().cells, row, strict=True):
            cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.LEFT
            _write(cell.paragraphs[0], text)
    document.add_paragraph()


def _write(paragraph: WordParagraph, text: str) -> None:
    for run in runs(text):
        paragraph.add_run(run.text).bold = run.bold or None
