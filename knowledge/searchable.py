"""A chunk as it is searched: with what it is about in front of it."""

from collections.abc import Sequence

from knowledge import lexical

_HEADER_COUNTS = 2  # times a term of the header is counted


def header(name: str, section: Sequence[str]) -> str:
    """What a chunk is about: the document's name without its extension, and the headings above the chunk."""
    stem, dot, extension = name.rpartition(".")
    title = stem if dot and stem and len(extension) <= 5 and " " not in extension else name
    return " > ".join((title.replace("_", " "), *section))


def embedded_text(name: str, section: Sequence[str], text: str) -> str:
    """The text of a chunk as it is embedded."""
    return f"{header(name, section)}\n{text}"


def indexed_terms(name: str, section: Sequence[str], text: str) -> list[str]:
    """The terms of a chunk as they are indexed."""
    return lexical.terms(header(name, section)) * _HEADER_COUNTS + lexical.terms(text)
