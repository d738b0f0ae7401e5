"""EPUB: the parts of the book in reading order, a page for each, under its first heading."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from lxml import etree

from ingest.readers.building import PageBuilder, Source
from ingest.readers.html import add_html, decoded
from ingest.readers.packages import Package, children, local
from ingest.unreadable import DamagedFile, EncryptedFile, TooLarge
from knowledge.documents import BlockKind, Page

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_MASKS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # no lock on the text
_TITLE = 80  # characters of a heading that a label shows


def read(source: Source) -> Iterator[Page]:
    with Package(source.path) as package:
        _check_open(package)
        parts = list(_spine(package))
        if len(parts) > source.limits.pages:
            raise TooLarge(
                f"The book has {len(parts):,} parts, the limit is {source.limits.pages:,}: split it."
            )
        source.total(len(parts))
        for number, part in enumerate(parts, start=1):
            builder = PageBuilder()
            content = package.content(part)
            if content is not None:
                add_html(decoded(content), builder, title_counts=False)  # it is the book's
            yield _labelled(builder.page(number, f"part {number}"))


def _labelled(page: Page) -> Page:
    first = next((block for block in page.blocks if block.kind is BlockKind.HEADING), None)
    if first is None:
        return page
    title = page.text[first.start : first.end]
    return Page(number=page.number, label=title[:_TITLE], text=page.text, blocks=page.blocks)


def _check_open(package: Package) -> None:
    root = package.optional(_ENCRYPTION)
    for method in [] if root is None else root.iter("{*}EncryptionMethod"):
        if method.get("Algorithm") not in _FONT_MASKS:
            raise EncryptedFile("The book is locked by its shop (DRM): upload a copy without that.")


def _spine(package: Package) -> Iterator[str]:
    """The names of the parts in reading order, the list of contents left out."""
    rootfile = next(package.root(_CONTAINER).iter("{*}rootfile"), None)
    name = "" if rootfile is None else rootfile.get("full-path", "")
    book = package.root(name)
    items = {item.get("id", ""): item for item in book.iter("{*}item")}
    spine = next((element for element in book if local(element) == "spine"), None)
    if spine is None:
        raise DamagedFile("The book does not say in what order it is read: export it again.")
    for reference in children(spine, "itemref"):
        item = items.get(reference.get("idref", ""))
        if item is not None and "nav" not in item.get("properties", "").split() and _is_text(item):
            path = unquote(item.get("href", "").split("#")[0])
            yield posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _is_text(item: etree._Element) -> bool:
    return "html" in item.get("media-type", "")
