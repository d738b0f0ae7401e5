"""One list of the documents of several knowledge bases: base after base, each in its order."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from knowledge.base import KnowledgeBase
from knowledge.documents import Document, DocumentStatus
from knowledge.errors import DocumentNotFound
from knowledge.filters import Filter
from service.records import KnowledgeBaseRecord
from service.store.pages import Window

Held = tuple[Document, KnowledgeBaseRecord]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which documents are listed."""

    window: Window
    statuses: Collection[DocumentStatus] = ()  # none: in any
    filter: Filter | None = None


def page_of(
    records: Sequence[KnowledgeBaseRecord], bases: Sequence[KnowledgeBase], wanted: Wanted
) -> tuple[list[Held], bool]:
    """The documents of the window, and whether more follow. Raises DocumentNotFound for a foreign cursor."""
    window = wanted.window
    backwards = window.before is not None and window.after is None
    cursor = window.before if backwards else window.after
    shelves = list(zip(records, bases, strict=True))
    if backwards:
        shelves.reverse()
    if cursor is not None:
        shelves = shelves[_holder([base for _, base in shelves], cursor) :]
    found: list[Held] = []
    for at, (record, base) in enumerate(shelves):
        room = window.limit + 1 - len(found)
        if room:
            listed = _listed(base, wanted, room, cursor if at == 0 else None, backwards)
            found += [(document, record) for document in listed]
    page = found[: window.limit]
    return (page[::-1] if backwards else page), len(found) > window.limit


def _listed(
    base: KnowledgeBase, wanted: Wanted, room: int, cursor: str | None, backwards: bool
) -> list[Document]:
    """Away from the cursor, or from the end that is come from."""
    order = wanted.window.order
    if backwards:
        order = "asc" if order == "desc" else "desc"
    return base.documents(
        limit=room, after=cursor, order=order, statuses=wanted.statuses, filter=wanted.filter
    )


def _holder(bases: Sequence[KnowledgeBase], document_id: str) -> int:
    for at, base in enumerate(bases):
        with suppress(DocumentNotFound):
            base.document(document_id)
            return at
    raise DocumentNotFound(document_id)
