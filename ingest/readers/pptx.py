"""Presentations: slides in their order, each with its title, text, tables, charts and speaker notes."""

from collections.abc import Iterator

from lxml import etree

from ingest.readers.building import PageBuilder, Source
from ingest.readers.packages import Package, attribute, child, children, local
from ingest.unreadable import TooLarge
from knowledge.documents import Page

_TITLES = {"title", "ctrTitle"}
_MARGINS = {"sldNum", "dt", "ftr", "hdr"}  # slide number, date, footer, header
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read(source: Source) -> Iterator[Page]:
    with Package(source.path) as package:
        main = package.main()
        related = package.related(main)
        order = [
            related[slide.get(_ID, "")][1]
            for slide in package.root(main).iter("{*}sldId")
            if slide.get(_ID) in related
        ]
        if len(order) > source.limits.pages:
            raise TooLarge(
                f"The presentation has {len(order):,} slides, the limit is {source.limits.pages:,}: split it."
            )
        source.total(len(order))
        for number, part in enumerate(order, start=1):
            yield _slide(package, part).page(number, f"slide {number}")


def _slide(package: Package, part: str) -> PageBuilder:
    builder = PageBuilder()
    root = package.root(part)
    related = package.related(part)
    shapes = list(_shapes(root))
    for shape in sorted(
        shapes, key=lambda shape: _role(shape) not in _TITLES
    ):  # titles first, else as they come
        _shape(shape, builder)
    for kind, target in related.values():
        if kind in ("diagramData", "chart"):
            _drawing(package.optional(target), builder)
    for kind, target in related.values():
        if kind == "notesSlide":
            _notes(package.optional(target), builder)
    return builder


def _shapes(element: etree._Element) -> Iterator[etree._Element]:
    """Shapes and frames, groups taken apart."""
    for part in element:
        if local(part) in ("sp", "graphicFrame"):
            yield part
        elif local(part) not in ("Fallback", "timing", "transition"):
            yield from _shapes(part)


def _role(shape: etree._Element) -> str | None:
    placeholder = next(shape.iter("{*}ph"), None)
    return None if placeholder is None else attribute(placeholder, "type") or "body"


def _shape(shape: etree._Element, builder: PageBuilder) -> None:
    role = _role(shape)
    if role in _MARGINS:
        return
    for table in shape.iter("{*}tbl"):
        builder.table([_words(cell) for cell in children(row, "tc")] for row in children(table, "tr"))
    if local(shape) != "sp":
        return
    paragraphs = list(shape.iter("{*}p"))
    if role in _TITLES:
        builder.heading(" ".join(map(_words, paragraphs)), 1)
    elif role is not None and role != "subTitle":
        for paragraph in paragraphs:
            _item(paragraph, builder)
    else:
        builder.paragraph("\n".join(filter(str.strip, map(_words, paragraphs))))


def _item(paragraph: etree._Element, builder: PageBuilder) -> None:
    properties = child(paragraph, "pPr")
    depth = attribute(properties, "lvl") if properties is not None else None
    builder.item(_words(paragraph), depth=int(depth or 0))


def _words(element: etree._Element) -> str:
    pieces = []
    for part in element.iter():
        tag = local(part)
        if tag == "t":
            pieces.append(part.text or "")
        elif tag == "br" or (tag == "p" and pieces):
            pieces.append("\n")
        elif tag == "tab":
            pieces.append("\t")
    return "".join(pieces).strip()


def _drawing(root: etree._Element | None, builder: PageBuilder) -> None:
    """The words of a diagram, or the names and values of a chart."""
    if root is None:
        return
    if local(root) != "chartSpace":
        for paragraph in root.iter("{*}p"):
            builder.item(_words(paragraph))
        return
    for title in root.iter("{*}title"):
        builder.paragraph(_words(title))
    rows = [_series(series) for series in root.iter("{*}ser")]
    if rows:
        builder.table(
            [
                ["", *next((names for _, names, _ in rows if names), [])],
                *([name, *values] for name, _, values in rows),
            ]
        )


def _series(series: etree._Element) -> tuple[str, list[str], list[str]]:
    """Name, names of the categories, values."""

    def values(holder: str) -> list[str]:
        element = child(series, holder)
        return [] if element is None else [value.text or "" for value in element.iter("{*}v")]

    return " ".join(values("tx")), values("cat"), values("val")


def _notes(root: etree._Element | None, builder: PageBuilder) -> None:
    for shape in [] if root is None else _shapes(root):
        if _role(shape) == "body":
            builder.paragraph("\n".join(filter(str.strip, map(_words, shape.iter("{*}p")))))
