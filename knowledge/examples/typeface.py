"""The typefaces of the example PDFs: Helvetica for Latin text, and a Korean sans serif for the rest.

The Korean glyphs are not embedded: no font file travels with this project. The text is written in the
predefined encoding UniKS-UCS2-H with the character collection Adobe-Korea1, for which a PDF viewer takes a
Korean font of its own (PDF 1.7, 9.7.5.2).
"""

from functools import cache
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from knowledge.examples.source import runs

LATIN = {False: "Helvetica", True: "Helvetica-Bold"}  # by "is bold"
_HANGUL = {False: "HYGothic-Medium", True: "HYGothic-Medium,Bold"}
_HANGUL_WIDTH = 920  # of 1000: what the Korean fonts of today's systems have


@cache
def register_fonts() -> None:
    """Make the Korean typefaces known to reportlab, once in a process."""
    for name in _HANGUL.values():
        pdfmetrics.registerFont(_Gothic(name))


def measure(text: str, size: float) -> float:
    """The width of a text in points."""
    widths = (
        pdfmetrics.stringWidth("".join(piece), (LATIN if latin else _HANGUL)[False], size)
        for latin, piece in groupby(text, key=_is_latin)
    )
    return float(sum(widths))


def markup(text: str, *, bold: bool = False) -> str:
    """reportlab's paragraph markup: a font for each stretch of one script and one weight."""
    return "".join(
        f'<font name="{(LATIN if latin else _HANGUL)[bold or run.bold]}">{escape("".join(piece))}</font>'
        for run in runs(text)
        for latin, piece in groupby(run.text, key=_is_latin)
    )


def _is_latin(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


class _Gothic(UnicodeCIDFont):  # type: ignore[misc]
    """A Korean sans serif that the viewer supplies.

    reportlab's own description of this face carries the name and the flags of a serif one.
    """

    def __init__(self, name: str) -> None:
        super().__init__("HYGothic-Medium")
        self.name = self.fontName = name
        self.unicodeWidths: dict[str, int] = {}  # none differs from the rest

    def stringWidth(self, text: str, size: float, encoding: str | None = None) -> float:
        return len(text) * size * _HANGUL_WIDTH / 1000

    def addObjects(self, doc: Any) -> None:
        """Called by reportlab when a document uses the font."""
        internal = f"F{len(doc.fontMapping) + 1}"
        font = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type0",
                "Name": f"/{internal}",
                "BaseFont": f"/{self.name}",
                "Encoding": "/UniKS-UCS2-H",
                "DescendantFonts": pdfdoc.PDFArray([self._descendant()]),
            }
        )
        reference = doc.Reference(font, internal)
        doc.idToObject["BasicFonts"].dict[internal] = reference
        doc.fontMapping[self.name] = f"/{internal}"

    def _descendant(self) -> Any:
        collection = {"Registry": "(Adobe)", "Ordering": "(Korea1)", "Supplement": 1}
        descriptor = {
            "Type": "/FontDescriptor",
            "FontName": f"/{self.name}",
            "Flags": 4,  # symbolic, which for a CID font says nothing; not serif
            "FontBBox": pdfdoc.PDFArray([-6, -145, 1003, 880]),
            "ItalicAngle": 0,
            "Ascent": 752,
            "Descent": -142,
            "CapHeight": 737,
            "StemV": 120 if "Bold" in self.name else 58,
        }
        return pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/CIDFontType0",
                "BaseFont": f"/{self.name}",
                "CIDSystemInfo": pdfdoc.PDFDictionary(collection),
                "DW": _HANGUL_WIDTH,
                "FontDescriptor": pdfdoc.PDFDictionary(descriptor),
            }
        )
