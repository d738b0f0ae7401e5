"""Zip files of XML parts (DOCX, PPTX, HWPX): parts by name, and the parts that a part points to."""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from lxml import etree

from ingest.unreadable import DamagedFile

_RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class Package:
    """An open package. Whether its parts are safe to unpack has been asked before."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self.names = self._zip.namelist()

    def __enter__(self) -> "Package":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def root(self, name: str) -> etree._Element:
        """The root element of a part; raises DamagedFile when the part is missing."""
        element = self.optional(name)
        if element is None:
            raise DamagedFile(
                "A part of the file is missing: save it again in its program and upload the new file."
            )
        return element

    def optional(self, name: str) -> etree._Element | None:
        if name not in self.names:
            return None
        # No entities, no network, and lxml's own limits on depth and on the length of a text.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        return etree.fromstring(self._zip.read(name), parser)

    def content(self, name: str) -> bytes | None:
        return self._zip.read(name) if name in self.names else None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """For a part: relationship id -> (last word of its type, name of the part it points to)."""
        folder, file = posixpath.split(name)
        element = self.optional(posixpath.join(folder, "_rels", f"{file}.rels"))
        found = {}
        for relation in [] if element is None else element.iter(_RELATIONSHIPS):
            if relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))
                kind = relation.get("Type", "").rsplit("/", 1)[-1]
                found[relation.get("Id", "")] = (kind, target.lstrip("/"))
        return found

    def main(self, kind: str = "officeDocument") -> str:
        """The name of the part that the whole package is about."""
        for type_, target in self.related("").values():
            if type_ == kind:
                return target
        raise DamagedFile(
            "The file does not say where its text is: save it again in its program and upload the new file."
        )


def local(element: etree._Element) -> str:
    """The tag without its namespace; "" for comments and processing instructions."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by its local name, whatever its namespace."""
    for key, value in element.attrib.items():
        if str(key).rsplit("}", 1)[-1] == name:
            return str(value)
    return None


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if local(child) == name)


def child(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else next(children(element, name), None)
