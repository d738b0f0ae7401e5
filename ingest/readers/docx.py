"""Word documents: body in document order with headings, lists and tables, then notes, headers and footers.

Read from the XML itself: text boxes, content controls and tracked insertions are text too, and python-docx,
which would cost 0.1 s a file to load, walks past them. Deleted and hidden text stays out.
"""

import re
from collections.abc import Iterator

from lxml import etree

from ingest.readers.building import PageBuilder, Source
from ingest.readers.numbering import numbered_heading
from ingest.readers.packages import Package, attribute, child, children, local
from ingest.readers.plain import one_line
from knowledge.documents import Page

_SKIPPED = {"del", "moveFrom", "Fallback", "instrText", "delText", "pPr", "rPr", "sectPr", "txbxContent"}
_CONTAINERS = {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice"}
_SPACES = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_HEADING_NAME = re.compile(r"(?:heading|제목|標題|見出し|überschrift|titre)\s*([1-9])$", re.I)
_OFF = {"0", "false", "none", "off"}


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    with Package(source.path) as package:
        main = package.main()
        related = package.related(main)
        styles = _Styles(package, _parts(related, "styles"))
        builder = PageBuilder()
        _Body(builder, styles, source).walk(package.root(main))
        for kind in ("footnotes", "endnotes"):
            _notes(package, _parts(related, kind), kind[:-1], builder)
        _margins(package, related, builder)
    yield builder.page(1, "")


def _parts(related: dict[str, tuple[str, str]], *kinds: str) -> list[str]:
    return [target for kind, target in related.values() if kind in kinds]


class _Styles:
    """What a paragraph's style says about it."""

    def __init__(self, package: Package, parts: list[str]) -> None:
        self._by_id: dict[str, etree._Element] = {}
        root = package.optional(parts[0]) if parts else None
        for style in [] if root is None else children(root, "style"):
            self._by_id[attribute(style, "styleId") or ""] = style

    def level(self, paragraph: etree._Element) -> int:
        """1 to 6 for a heading, 0 for other text."""
        properties = child(paragraph, "pPr")
        own = _outline(properties)
        if own is not None:
            return own
        for style in self._chain(properties):
            name = attribute(child(style, "name"), "val") if child(style, "name") is not None else ""
            found = _HEADING_NAME.match(name or "")
            if found:
                return min(int(found[1]), 6)
            if (name or "").lower() in ("title", "제목"):
                return 1
            outline = _outline(child(style, "pPr"))
            if outline is not None:
                return outline
        return 0

    def listed(self, paragraph: etree._Element) -> int | None:
        """How deep in a list, from 0; None outside of lists."""
        properties = child(paragraph, "pPr")
        for holder in (properties, *(child(style, "pPr") for style in self._chain(properties))):
            numbering = child(holder, "numPr")
            if numbering is not None:
                number, depth = child(numbering, "numId"), child(numbering, "ilvl")
                if number is not None and attribute(number, "val") == "0":
                    return None  # taken out of the list that its style puts it in
                return int((attribute(depth, "val") if depth is not None else None) or 0)
        return None

    def _chain(self, properties: etree._Element | None) -> Iterator[etree._Element]:
        reference = child(properties, "pStyle")
        seen: set[str] = set()
        while reference is not None:
            name = attribute(reference, "val") or ""
            style = self._by_id.get(name)
            if style is None or name in seen:
                return
            seen.add(name)
            yield style
            reference = child(style, "basedOn")


def _outline(properties: etree._Element | None) -> int | None:
    outline = child(properties, "outlineLvl")
    if outline is None:
        return None
    level = int(attribute(outline, "val") or 9)
    return min(level + 1, 6) if level < 9 else 0  # 9 is "body text"


class _Body:
    def __init__(self, builder: PageBuilder, styles: _Styles, source: Source) -> None:
        self._builder = builder
        self._styles = styles
        self._source = source

    def walk(self, element: etree._Element) -> None:
        for part in element:
            tag = local(part)
            if tag == "p":
                self._paragraph(part)
            elif tag == "tbl":
                self._source.alive()
                self._builder.table(_rows(part))
            elif tag == "body" or tag in _CONTAINERS:
                self.walk(part)

    def _paragraph(self, paragraph: etree._Element) -> None:
        text = text_of(paragraph)
        level = self._styles.level(paragraph)
        depth = self._styles.listed(paragraph)
        found = numbered_heading(one_line(text)) if not level and depth is None else None
        if level:
            self._builder.heading(text, level)
        elif depth is not None:
            self._builder.item(text, depth=depth)
        elif found:
            line = one_line(text)
            self._builder.heading(line[: found[1]], found[0])
            self._builder.paragraph(line[found[1] :])
        else:
            self._builder.paragraph(text)
        for box in paragraph.iter("{*}txbxContent"):
            if not any(local(above) in ("Fallback", "txbxContent") for above in box.iterancestors()):
                self.walk(box)


def _rows(table: etree._Element) -> Iterator[list[str]]:
    for row in _inside(table, "tr"):
        yield [_cell(cell) for cell in _inside(row, "tc")]


def _inside(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Children of that name, also within content controls and tracked insertions."""
    for part in element:
        if local(part) == name:
            yield part
        elif local(part) in _CONTAINERS:
            yield from _inside(part, name)


def _cell(cell: etree._Element) -> str:
    """The cell in one line; a table within it is its rows, one after the other."""
    pieces = []
    for part in cell:
        if local(part) == "p":
            pieces.append(text_of(part))
        elif local(part) == "tbl":
            pieces += [" ".join(row) for row in _rows(part)]
        elif local(part) in _CONTAINERS:
            pieces.append(_cell(part))
    return " ".join(piece for piece in pieces if piece.strip())


def text_of(paragraph: etree._Element) -> str:
    """What a paragraph shows, without its text boxes."""
    pieces: list[str] = []
    _gather(paragraph, pieces)
    return "".join(pieces)


def _gather(element: etree._Element, pieces: list[str]) -> None:
    for part in element:
        tag = local(part)
        if tag == "t":
            pieces.append(part.text or "")
        elif tag in _SPACES:
            pieces.append(_SPACES[tag])
        elif tag in ("footnoteReference", "endnoteReference"):
            pieces.append(f"[{attribute(part, 'id')}]")
        elif tag not in _SKIPPED and not (tag == "r" and _hidden(part)):
            _gather(part, pieces)


def _hidden(run: etree._Element) -> bool:
    vanish = child(child(run, "rPr"), "vanish")
    return vanish is not None and (attribute(vanish, "val") or "1").lower() not in _OFF


def _notes(package: Package, parts: list[str], name: str, builder: PageBuilder) -> None:
    for part in parts:
        for note in children(package.root(part), name):
            if attribute(note, "type") is None:  # separators have one
                words = " ".join(text_of(paragraph) for paragraph in note.iter("{*}p"))
                builder.paragraph(f"[{attribute(note, 'id')}] {words}" if words.strip() else "")


def _margins(package: Package, related: dict[str, tuple[str, str]], builder: PageBuilder) -> None:
    """Headers and footers, each once; those that hold nothing but a page number are left out."""
    seen = set()
    for part in _parts(related, "header", "footer"):
        root = package.optional(part)
        text = (
            "" if root is None else one_line(" ".join(text_of(paragraph) for paragraph in root.iter("{*}p")))
        )
        if sum(character.isalpha() for character in text) > 3 and text not in seen:
            seen.add(text)
            builder.paragraph(text)
