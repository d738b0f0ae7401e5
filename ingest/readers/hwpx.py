"""HWPX (KS X 6101): sections in their order, outline levels as headings, tables, notes where they are called.

Read from the XML itself: hwp-hwpx-parser, which reads HWP 5 here, loses the text behind tabs and line breaks
of an HWPX paragraph, joins the paragraphs of a cell and puts section 10 before section 2.
"""

import re
from collections.abc import Iterator

from lxml import etree

from ingest.readers.building import PageBuilder, Source
from ingest.readers.numbering import numbered_heading
from ingest.readers.packages import Package, attribute, child, children, local
from ingest.readers.plain import one_line
from ingest.unreadable import DamagedFile, EncryptedFile
from knowledge.documents import Page

_SECTION = re.compile(r"Contents/section(\d+)\.xml$")
_SPACES = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
_NOTES = {"footNote", "endNote"}
_UNSEEN = {"secPr", "fieldBegin", "header", "footer", "hiddenComment", "linesegarray", "shapeComment"}


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    with Package(source.path) as package:
        if _encrypted(package):
            raise EncryptedFile(
                "The document is locked with a password: save a copy without one and upload that."
            )
        sections = sorted((int(found[1]), found[0]) for found in map(_SECTION.match, package.names) if found)
        if not sections:
            raise DamagedFile(
                "The document has no text sections: save it again in Hangul and upload the new file."
            )
        builder = PageBuilder()
        body = _Body(builder, _Outline(package.optional("Contents/header.xml")))
        for _, name in sections:
            source.alive()
            body.walk(package.root(name))
    yield builder.page(1, "")


def _encrypted(package: Package) -> bool:
    manifest = package.optional("META-INF/manifest.xml")
    return manifest is not None and any(local(element) == "encryption-data" for element in manifest.iter())


class _Outline:
    """Which paragraph shapes and styles stand for headings."""

    def __init__(self, header: etree._Element | None) -> None:
        self._shapes: dict[str, int] = {}
        self._styles: dict[str, int] = {}
        for element in [] if header is None else header.iter():
            if local(element) == "paraPr":
                heading = child(element, "heading")
                if heading is not None and attribute(heading, "type") == "OUTLINE":
                    self._shapes[element.get("id", "")] = int(attribute(heading, "level") or 0) + 1
            elif local(element) == "style":
                found = re.match(
                    r"(?:개요|outline|제목|heading)\s*(\d{1,2})?$", (element.get("name") or "").strip(), re.I
                )
                if found:
                    self._styles[element.get("id", "")] = int(found[1] or 1)

    def level(self, paragraph: etree._Element) -> int:
        shape = self._shapes.get(paragraph.get("paraPrIDRef", ""), 0)
        return self._styles.get(paragraph.get("styleIDRef", ""), 0) or shape


class _Body:
    def __init__(self, builder: PageBuilder, outline: _Outline) -> None:
        self._builder = builder
        self._outline = outline
        self._notes = 0

    def walk(self, element: etree._Element) -> None:
        for part in element:
            if local(part) == "p":
                self._paragraph(part)
            elif local(part) not in _UNSEEN:
                self.walk(part)

    def _paragraph(self, paragraph: etree._Element) -> None:
        pieces: list[str] = []
        apart: list[etree._Element] = []  # tables, boxes and notes stand below the text that anchors them
        _gather(paragraph, pieces, apart)
        self._text("".join(pieces), self._outline.level(paragraph))
        for part in apart:
            if local(part) == "tbl":
                self._table(part)
            elif local(part) in _NOTES:
                self._notes += 1
                self._builder.paragraph(f"[{self._notes}] {one_line(' '.join(_texts(part)))}")
            else:
                self.walk(part)

    def _text(self, text: str, level: int) -> None:
        line = one_line(text)
        if level and len(line) <= 120:
            self._builder.heading(line, level)
            return
        found = numbered_heading(line)
        if found:
            self._builder.heading(line[: found[1]], found[0])
            text = line[found[1] :]
        self._builder.paragraph(text)

    def _table(self, table: etree._Element) -> None:
        caption = child(table, "caption")
        if caption is not None:
            self._builder.paragraph(" ".join(_texts(caption)))
        self._builder.table(
            [" ".join(_texts(cell)) for cell in children(row, "tc")] for row in children(table, "tr")
        )


def _gather(element: etree._Element, pieces: list[str], apart: list[etree._Element]) -> None:
    """The text of a paragraph; what has paragraphs of its own is put into `apart`."""
    for part in element:
        tag = local(part)
        if tag == "t":
            pieces.append(_run(part))
        elif tag == "tbl" or tag in _NOTES or tag in ("subList", "drawText"):
            apart.append(part)
        elif tag not in _UNSEEN:
            _gather(part, pieces, apart)


def _run(text: etree._Element) -> str:
    """The text of a run, with the tabs and line breaks inside it."""
    pieces = [text.text or ""]
    for part in text:
        pieces.append(_SPACES.get(local(part), ""))
        pieces.append(part.tail or "")
    return "".join(pieces)


def _texts(element: etree._Element) -> Iterator[str]:
    """The paragraphs below `element`, those of tables within it too."""
    for paragraph in element.iter("{*}p"):
        pieces: list[str] = []
        _gather(paragraph, pieces, [])
        if "".join(pieces).strip():
            yield "".join(pieces)
