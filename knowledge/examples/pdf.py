"""An example document as a PDF: cover with contents, headings, tables, page numbers."""

import io
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Spacer,
)
from reportlab.platypus import Paragraph as TextFlowable
from reportlab.platypus import Table as TableFlowable
from reportlab.platypus.tableofcontents import TableOfContents

from knowledge.examples.source import Element, Heading, Item, Note, Paragraph, Source, Table
from knowledge.examples.typeface import LATIN, markup, measure, register_fonts

_INK, _ACCENT, _GREY = HexColor("#1f2933"), HexColor("#0f5c6e"), HexColor("#6b7785")
_RULE, _STRIPE, _TINT = HexColor("#cfd8dc"), HexColor("#f4f7f8"), HexColor("#e8f1f3")
_MARGIN = 24 * mm
_WIDTH = A4[0] - 2 * _MARGIN


def write_pdf(source: Source) -> bytes:
    """The document, the same byte for byte each time."""
    register_fonts()
    target = io.BytesIO()
    _Layout(target, source).multiBuild(list(_story(source)), canvasmaker=_Canvas)
    return target.getvalue()


class _Canvas(Canvas):  # type: ignore[misc]
    """A canvas whose text ends where it ends.

    reportlab closes each cell of a table with a move to the next line, so a reader takes the cells of one row
    for lines of their own.
    """

    def drawText(self, text: PDFTextObject) -> None:
        self._code.append(re.sub(r"\s*T\*(\s*ET)$", r"\1", str(text.getCode())))


class _Layout(BaseDocTemplate):  # type: ignore[misc]
    """Pages with a running head and foot; chapters go to the contents and to the viewer's outline."""

    def __init__(self, target: io.BytesIO, source: Source) -> None:
        super().__init__(
            target,
            pagesize=A4,
            invariant=1,
            title=source.title,
            author=source.publisher,
            subject=source.edition,
            lang=source.language,
            creator="Doumi",
        )
        frame = partial(Frame, _MARGIN, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
        cover = frame(y1=28 * mm, width=_WIDTH, height=A4[1] - 112 * mm)
        body = frame(y1=26 * mm, width=_WIDTH, height=A4[1] - 54 * mm)
        self.addPageTemplates(
            [
                PageTemplate("cover", [cover], onPage=partial(_draw_cover, source)),
                PageTemplate("body", [body], onPageEnd=partial(_draw_frame, source)),
            ]
        )

    def beforeDocument(self) -> None:
        """Called by reportlab before each pass; the contents settle when two passes agree."""
        self._headings = 0

    def afterFlowable(self, flowable: Flowable) -> None:
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        self._headings += 1
        key = f"heading-{self._headings}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(flowable.outline_text, key, level=level, closed=level == 0)
        if level == 0:
            self.notify("TOCEntry", (0, markup(flowable.outline_text), self.page, key))


class _Contents(TableOfContents):  # type: ignore[misc]
    """The chapters with their pages; without the dots, which a reader would take for text."""

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        entries = self._lastEntries or [(0, "", 0, "")]
        right = ParagraphStyle("right", _CONTENTS, alignment=TA_RIGHT)
        rows = [
            [TextFlowable(f'<a href="#{key}">{title}</a>', _CONTENTS), TextFlowable(str(page), right)]
            for _, title, page, key in entries
        ]
        self._table = TableFlowable(rows, colWidths=[_WIDTH - 20 * mm, 20 * mm])
        self._table.setStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, _RULE),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 4),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
        self.width, self.height = self._table.wrapOn(self.canv, width, height)
        return self.width, self.height


def _draw_cover(source: Source, canvas: Canvas, document: BaseDocTemplate) -> None:
    canvas.setFillColor(_ACCENT)
    canvas.rect(0, A4[1] - 78 * mm, A4[0], 78 * mm, stroke=0, fill=1)
    lines = [
        (source.publisher, _style(size=11, color=white), 24 * mm),
        (source.title, _style(size=29, leading=36, color=white, bold=True), 46 * mm),
        (source.subtitle, _style(size=12.5, color=white), 57 * mm),
    ]
    for text, style, below_top in lines:
        _draw(canvas, text, style, A4[1] - below_top)
    _draw(canvas, source.edition, _style(size=9, color=_GREY), 16 * mm)


def _draw_frame(source: Source, canvas: Canvas, document: BaseDocTemplate) -> None:
    small = _style(size=8, color=_GREY)
    canvas.setStrokeColor(_RULE)
    canvas.setLineWidth(0.5)
    canvas.line(_MARGIN, A4[1] - 19 * mm, A4[0] - _MARGIN, A4[1] - 19 * mm)
    _draw(canvas, source.publisher, small, A4[1] - 17 * mm)
    _draw(canvas, f"{source.title} · {source.edition}", small, 15 * mm)
    page = f"Page {document.page}" if source.language == "en" else f"- {document.page} -"
    _draw(canvas, page, ParagraphStyle("right", small, alignment=TA_RIGHT), 15 * mm)


def _draw(canvas: Canvas, text: str, style: ParagraphStyle, y: float) -> None:
    line = TextFlowable(markup(text, bold=style.fontName == LATIN[True]), style)
    line.wrapOn(canvas, _WIDTH, A4[1])
    line.drawOn(canvas, _MARGIN, y)


def _style(
    *,
    size: float = 9.8,
    leading: float | None = None,
    color: HexColor = _INK,
    bold: bool = False,
    **more: Any,
) -> ParagraphStyle:
    font = LATIN[bold]
    return ParagraphStyle(
        "text",
        fontName=font,
        bulletFontName=font,
        bulletFontSize=size,
        fontSize=size,
        leading=leading or size * 1.5,
        textColor=color,
        allowWidows=0,
        allowOrphans=0,
        **more,
    )


_HEADINGS = {
    1: _style(size=19, leading=25, color=_ACCENT, bold=True, spaceAfter=9, keepWithNext=1),
    2: _style(size=12, leading=17, color=_ACCENT, bold=True, spaceBefore=11, spaceAfter=3, keepWithNext=1),
    3: _style(size=10, leading=15, bold=True, spaceBefore=7, spaceAfter=2, keepWithNext=1),
}
_BODY = _style(spaceBefore=6, spaceAfter=3.2)
_ITEMS = [_style(leftIndent=indent + 14, bulletIndent=indent, spaceAfter=3.2) for indent in (0.0, 6.0, 20.0)]
_NOTE = _style(size=9.3, leftIndent=9, rightIndent=9, spaceBefore=12, spaceAfter=14)
_NOTE.backColor, _NOTE.borderPadding = _TINT, (6, 9, 7, 9)
_CAPTION = _style(size=9, bold=True, spaceBefore=8, spaceAfter=4, keepWithNext=1)
_CELL = _style(size=8.8, leading=12)
_HEADER_CELL = _style(size=8.8, leading=12, color=white, bold=True)
_CONTENTS = _style(size=10.5, leading=15.5, spaceBefore=1.5)


def _story(source: Source) -> Iterator[Flowable]:
    heading = "Contents" if source.language == "en" else "차례"
    yield TextFlowable(markup(heading, bold=True), _HEADINGS[2])
    yield _Contents()
    yield NextPageTemplate("body")
    yield PageBreak()
    for index, element in enumerate(source.elements):
        if isinstance(element, Heading) and element.level == 1 and index:
            yield from _chapter_break(source)
        yield from _flowables(element)


def _chapter_break(source: Source) -> Iterator[Flowable]:
    """English chapters begin on a page of their own; those of a regulation follow each other."""
    if source.language == "en":
        yield PageBreak()
    else:
        yield CondPageBreak(40 * mm)
        yield Spacer(0, 10)


def _flowables(element: Element) -> Iterator[Flowable]:
    match element:
        case Heading(level=level, text=text):
            heading = TextFlowable(markup(text, bold=True), _HEADINGS[level])
            heading.outline_level, heading.outline_text = level - 1, text
            yield heading
        case Paragraph(text=text):
            yield TextFlowable(markup(text), _BODY)
        case Item(marker=marker, depth=depth, text=text):
            bullet = "–" if marker == "-" else marker
            yield TextFlowable(f"<bullet>{markup(bullet)}</bullet>{markup(text)}", _ITEMS[depth])
        case Note(text=text):
            yield TextFlowable(markup(text), _NOTE)
        case Table():
            yield _table(element)


def _table(table: Table) -> Flowable:
    header = [TextFlowable(markup(cell, bold=True), _HEADER_CELL) for cell in table.rows[0]]
    body = [[TextFlowable(markup(cell), _CELL) for cell in row] for row in table.rows[1:]]
    grid = TableFlowable([header, *body], colWidths=_column_widths(table), repeatRows=1, spaceAfter=10)
    grid.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("BACKGROUND", (0, 0), (-1, 0), _ACCENT),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, _STRIPE]),
            ("LINEBELOW", (0, 1), (-1, -1), 0.5, _RULE),
            ("LEFTPADDING", (0, 0), (-1, -1), 6),
            ("RIGHTPADDING", (0, 0), (-1, -1), 6),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    if not table.caption:
        return grid
    return KeepTogether([TextFlowable(markup(table.caption, bold=True), _CAPTION), grid])


def _column_widths(table: Table) -> list[float]:
    """Wide columns for long cells, within reason."""
    longest = [
        max(measure(cell, _CELL.fontSize) for cell in column) for column in zip(*table.rows, strict=True)
    ]
    weights = [min(max(length, 46.0), 190.0) for length in longest]
    return [_WIDTH * weight / sum(weights) for weight in weights]
