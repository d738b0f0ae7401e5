"""Files that the journeys upload, made on the spot."""

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas


def pdf_of(pages: list[str]) -> bytes:
    """A PDF with one page per text."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True)
    for text in pages:
        lines = canvas.beginText(60, 780)
        lines.setFont("Helvetica", 9)
        for line in simpleSplit(text, "Helvetica", 9, 470):
            lines.textLine(line)
        canvas.drawText(lines)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
