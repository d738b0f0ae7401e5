"""An example document as a HWPX (KS X 6101): a zip of XML parts, which Korean word processors read and write.

The parts that are the same in every document are files in `hwpx_parts`; the section with the text, and the
package list with the title, are made here. Lengths are in HWPUNIT, 1/7200 inch. No line layout is stored: the
program that opens the file breaks the lines.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from knowledge.examples.archive import archive
from knowledge.examples.source import Element, Heading, Item, Note, Paragraph, Run, Source, Table, runs

_PARTS = Path(__file__).parent / "hwpx_parts"
_TEXT_WIDTH = 59528 - 2 * 8504  # A4 less the margins
_ROW_HEIGHT = 1900
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_NAMESPACES = " ".join(
    f'xmlns:{prefix}="http://www.hancom.co.kr/hwpml/2011/{name}"'
    for prefix, name in (("hp", "paragraph"), ("hs", "section"), ("hc", "core"))
)

# Character and paragraph properties, by their numbers in Contents/header.xml.
_PLAIN, _STRONG, _TITLE, _CHAPTER = range(4)
_BODY, _CENTRED, _HEAD, _INDENTED, _CELL = range(5)


def write_hwpx(source: Source) -> bytes:
    """The document, the same byte for byte each time."""
    preview = "\r\n".join(_plain_text(source))[:1000]
    parts = {
        "mimetype": b"application/hwp+zip",
        "version.xml": _part("version.xml"),
        "Contents/header.xml": _part("Contents/header.xml"),
        "Contents/section0.xml": _section(source).encode(),
        "Preview/PrvText.txt": preview.encode(),
        "settings.xml": _part("settings.xml"),
        "META-INF/container.xml": _part("META-INF/container.xml"),
        "Contents/content.hpf": _package(source).encode(),
        "META-INF/manifest.xml": _part("META-INF/manifest.xml"),
    }
    return archive(parts, stored=frozenset({"mimetype", "version.xml"}))


def _part(name: str) -> bytes:
    return (_PARTS / name).read_bytes()


def _package(source: Source) -> str:
    files = {"header": "Contents/header.xml", "section0": "Contents/section0.xml", "settings": "settings.xml"}
    items = "".join(
        f'<opf:item id="{name}" href="{path}" media-type="application/xml"/>' for name, path in files.items()
    )
    spine = "".join(f'<opf:itemref idref="{name}" linear="yes"/>' for name in ("header", "section0"))
    return (
        f'{_DECLARATION}<opf:package xmlns:opf="http://www.idpf.org/2007/opf/" version="" '
        f'unique-identifier="" id=""><opf:metadata><opf:title>{escape(source.title)}</opf:title>'
        f"<opf:language>{source.language}</opf:language>"
        f'<opf:meta name="creator" content={quoteattr(source.publisher)}/>'
        f'<opf:meta name="subject" content={quoteattr(source.edition)}/></opf:metadata>'
        f"<opf:manifest>{items}</opf:manifest><opf:spine>{spine}</opf:spine></opf:package>"
    )


def _section(source: Source) -> str:
    identities = count(1)
    opening = [_paragraph(identities, _run(_PLAIN, _page_setup()), shape=_BODY)]
    for text, font in ((source.title, _TITLE), (f"{source.publisher} · {source.edition}", _PLAIN)):
        opening.append(_paragraph(identities, _text(font, text), shape=_CENTRED))
    body = (_element(identities, element) for element in source.elements)
    return f"{_DECLARATION}<hs:sec {_NAMESPACES}>{''.join([*opening, *body])}</hs:sec>"


def _page_setup() -> str:
    """A4 upright, one column: the section's properties ride in its first run."""
    return (
        '<hp:secPr id="" textDirection="HORIZONTAL" spaceColumns="1134" tabStop="8000" outlineShapeIDRef="0" '
        'memoShapeIDRef="0" textVerticalWidthHead="0" masterPageCnt="0">'
        '<hp:startNum pageStartsOn="BOTH" page="0" pic="0" tbl="0" equation="0"/>'
        '<hp:pagePr landscape="WIDELY" width="59528" height="84188" gutterType="LEFT_ONLY">'
        '<hp:margin header="4252" footer="4252" gutter="0" left="8504" right="8504" top="5668" '
        'bottom="4252"/></hp:pagePr></hp:secPr><hp:ctrl>'
        '<hp:colPr id="" type="NEWSPAPER" layout="LEFT" colCount="1" sameSz="1" sameGap="0"/></hp:ctrl>'
    )


def _element(identities: Iterator[int], element: Element) -> str:
    match element:
        case Heading(text=text):
            return _paragraph(identities, _text(_CHAPTER, text), shape=_HEAD)
        case Item(marker=marker, text=text):
            return _paragraph(identities, _text(_PLAIN, f"{marker} {text}"), shape=_INDENTED)
        case Paragraph(text=text) | Note(text=text):
            return _paragraph(identities, _weighted(runs(text)), shape=_BODY)
        case Table(caption=caption):
            title = _paragraph(identities, _text(_STRONG, caption), shape=_BODY)
            return title + _paragraph(identities, _run(_PLAIN, _table(identities, element)), shape=_BODY)


def _table(identities: Iterator[int], table: Table) -> str:
    columns = len(table.rows[0])
    width = _TEXT_WIDTH // columns
    rows = ""
    for row, texts in enumerate(table.rows):
        cells = [_cell(identities, text, row, column, width) for column, text in enumerate(texts)]
        rows += f"<hp:tr>{''.join(cells)}</hp:tr>"
    return (
        f'<hp:tbl id="{next(identities)}" zOrder="0" numberingType="TABLE" textWrap="TOP_AND_BOTTOM" '
        'textFlow="BOTH_SIDES" lock="0" dropcapstyle="None" pageBreak="CELL" repeatHeader="1" '
        f'rowCnt="{len(table.rows)}" colCnt="{columns}" cellSpacing="0" borderFillIDRef="2" noAdjust="0">'
        f'<hp:sz width="{width * columns}" widthRelTo="ABSOLUTE" height="{_ROW_HEIGHT * len(table.rows)}" '
        'heightRelTo="ABSOLUTE" protect="0"/>'
        '<hp:pos treatAsChar="1" affectLSpacing="0" flowWithText="1" allowOverlap="0" holdAnchorAndSO="0" '
        'vertRelTo="PARA" horzRelTo="COLUMN" vertAlign="TOP" horzAlign="LEFT" vertOffset="0" horzOffset="0"/>'
        '<hp:outMargin left="0" right="0" top="141" bottom="141"/>'
        f'<hp:inMargin left="283" right="283" top="141" bottom="141"/>{rows}</hp:tbl>'
    )


def _cell(identities: Iterator[int], text: str, row: int, column: int, width: int) -> str:
    is_header = row == 0
    content = _paragraph(identities, _text(_STRONG if is_header else _PLAIN, text), shape=_CELL)
    return (
        f'<hp:tc name="" header="{int(is_header)}" hasMargin="0" protect="0" editable="0" dirty="0" '
        f'borderFillIDRef="{3 if is_header else 2}"><hp:subList id="" textDirection="HORIZONTAL" '
        'lineWrap="BREAK" vertAlign="CENTER" linkListIDRef="0" linkListNextIDRef="0" textWidth="0" '
        f'textHeight="0" hasTextRef="0" hasNumRef="0">{content}</hp:subList>'
        f'<hp:cellAddr colAddr="{column}" rowAddr="{row}"/><hp:cellSpan colSpan="1" rowSpan="1"/>'
        f'<hp:cellSz width="{width}" height="{_ROW_HEIGHT}"/>'
        '<hp:cellMargin left="283" right="283" top="141" bottom="141"/></hp:tc>'
    )


def _paragraph(identities: Iterator[int], content: str, *, shape: int) -> str:
    return (
        f'<hp:p id="{next(identities)}" paraPrIDRef="{shape}" styleIDRef="0" pageBreak="0" columnBreak="0" '
        f'merged="0">{content}</hp:p>'
    )


def _weighted(pieces: Iterable[Run]) -> str:
    return "".join(_text(_STRONG if piece.bold else _PLAIN, piece.text) for piece in pieces)


def _text(font: int, text: str) -> str:
    return _run(font, f"<hp:t>{escape(text)}</hp:t>")


def _run(font: int, content: str) -> str:
    return f'<hp:run charPrIDRef="{font}">{content}</hp:run>'


def _plain_text(source: Source) -> Iterator[str]:
    yield source.title
    for element in source.elements:
        if isinstance(element, Table):
            yield from ("\t".join(row) for row in element.rows)
        else:
            yield "".join(piece.text for piece in runs(element.text))
