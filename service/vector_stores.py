"""A vector store is a knowledge base, and a file in it is a document.

`vs_…` and `kb_…` are the same base. A file that came through /v1/files keeps its id in every vector store; a
document that the page took in is the file of the same digits.
"""

import itertools
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from knowledge.attributes import checked
from knowledge.base import KnowledgeBase
from knowledge.documents import Document, DocumentStatus
from knowledge.errors import DocumentNotFound
from service.access import Shelf, may_read, readable_bases, shelf_of
from service.bases import address_of
from service.files import content_of
from service.installation import Installation
from service.records import (
    Caller,
    FileBatch,
    KnowledgeBaseRecord,
    StoredFile,
    StoredFileLink,
    VectorStoreNotes,
)
from service.store.engine import now
from service.store.files import FileNotFound, file_not_found
from service.store.pages import Window
from service.store.teams import SlugTaken
from service.store.vector_stores import VectorStoreNotFound
from service.uploads import media_type_of

_DIGITS = re.compile(r"[0-9a-f]{24}")
_MOST_BASES = 10_000


class VectorStoreExpired(Exception):
    """The vector store expired, because it was not used for as long as was said; make another."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file that should become a document."""

    file_id: str
    attributes: Mapping[str, Any] | None = None
    chunking: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class StoreFile:
    """A file in a vector store: as a document, or cancelled before it was one."""

    file_id: str
    document: Document | None
    chunking: dict[str, Any] | None
    batch_id: str | None
    created_at: datetime

    @property
    def status(self) -> str:
        """In OpenAI's words."""
        if self.document is None:
            return "cancelled"
        return _STATUS.get(self.document.status, "in_progress")


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where the bytes of a file are, whichever way it came."""

    path: Path
    name: str
    sha256: str
    size: int


_STATUS = {DocumentStatus.READY: "completed", DocumentStatus.FAILED: "failed"}


def store_id(base_id: str) -> str:
    """The id of a knowledge base, as OpenAI's clients know it."""
    return f"vs_{base_id.removeprefix('kb_')}"


def base_id(wanted: str) -> str:
    """And back."""
    return f"kb_{wanted.removeprefix('vs_')}"


def page_file_id(document_id: str) -> str:
    """The file id of a document that came in without /v1/files; what is no document keeps its own."""
    if not document_id.startswith("doc_"):
        return document_id
    return f"file-{document_id.removeprefix('doc_')}"


def find(here: Installation, caller: Caller, wanted: str) -> KnowledgeBaseRecord:
    """The base behind `vs_…`. Raises VectorStoreNotFound."""
    team_id = caller.team.id
    found = here.store.knowledge_bases.some(team_id, [base_id(wanted)]) if wanted.startswith("vs_") else []
    if not found or not may_read(here, caller, found[0].id):
        raise VectorStoreNotFound(_missing(wanted))
    return found[0]


def _missing(wanted: str) -> str:
    return f"No vector store {wanted!r}; GET /v1/vector_stores lists those that exist."


def create(here: Installation, caller: Caller, name: str | None) -> KnowledgeBaseRecord:
    """A knowledge base with a free slug; names need not be unique."""
    slug = slug_of(name or "") or "vector-store"
    for candidate in (slug, *(f"{slug}-{number}" for number in range(2, 1000))):
        with suppress(SlugTaken):
            made = here.store.knowledge_bases.create(caller.team.id, slug=candidate, name=name or candidate)
            here.store.belongings.take(caller, made.id)
            return made
    raise SlugTaken(f"There are too many knowledge bases called {slug}; choose another name.")


def slug_of(name: str) -> str:
    """A name as a slug; empty where it has no Latin letters or digits."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:56].strip("-")


def expires_at(record: KnowledgeBaseRecord, notes: VectorStoreNotes) -> datetime | None:
    """When the base expires unless it is used; None for never."""
    if notes.expires_days is None:
        return None
    return (notes.last_active_at or record.created_at) + timedelta(days=notes.expires_days)


def is_expired(record: KnowledgeBaseRecord, notes: VectorStoreNotes) -> bool:
    """Whether its time is over: its documents go with the next sweep and are found no more."""
    moment = expires_at(record, notes)
    return moment is not None and moment <= now()


def refuse_expired(here: Installation, records: Sequence[KnowledgeBaseRecord]) -> None:
    """Raises VectorStoreExpired when the time of one of these bases is over."""
    for record in records:
        if is_expired(record, here.store.vector_stores.notes(record.team_id, [record.id])[record.id]):
            raise VectorStoreExpired(VectorStoreExpired.__doc__)


# Files


def attach(
    here: Installation,
    caller: Caller,
    record: KnowledgeBaseRecord,
    wanted: Sequence[Wanted],
    batch: FileBatch | None = None,
) -> None:
    """Make documents of files. Nothing is taken in when one of the files does not exist.

    A file that is in the base stays as it is, but for its attributes. Raises FileNotFound and
    UnusableAttributes.
    """
    sources = [(each, _source(here, caller, each.file_id)) for each in wanted]
    for each in wanted:
        checked(each.attributes or {})
    base = here.bases.get(record.team_id, record.id)
    there = {file.file_id: file for file in files(here, record)}
    taken = {file.document.name for file in there.values() if file.document}
    for each, source in sources:
        before = there.get(each.file_id)
        if before and before.document and before.document.status is not DocumentStatus.FAILED:
            document = before.document
            if each.attributes is not None:
                base.annotate(document.id, each.attributes)
        else:
            name = before.document.name if before and before.document else _free_name(taken, source.name)
            taken.add(name)
            document = _take_in(here, record, base, source, name, each.attributes)
        link = StoredFileLink(
            base_id=record.id,
            file_id=each.file_id,
            document_id=document.id,
            chunking=each.chunking,
            batch_id=batch.id if batch else None,
            created_at=now(),
        )
        here.store.vector_stores.link(record.team_id, link)
    here.store.vector_stores.use(record.team_id, [record.id])


def files(here: Installation, record: KnowledgeBaseRecord) -> list[StoreFile]:
    """All files of a base, those that the page took in too, oldest first."""
    base = here.bases.get(record.team_id, record.id)
    documents = {document.id: document for document in base.documents(limit=1_000_000)}
    found: list[StoreFile] = []
    for link in here.store.vector_stores.links(record.team_id, record.id):
        document = documents.pop(link.document_id, None) if link.document_id else None
        if document is None and link.document_id:
            continue  # deleted on the page since
        found.append(_linked(link, document))
    found.extend(_of_page(document) for document in documents.values())
    return sorted(found, key=lambda file: (file.created_at, file.file_id))


def find_file(here: Installation, record: KnowledgeBaseRecord, file_id: str) -> StoreFile:
    """Raises FileNotFound."""
    base = here.bases.get(record.team_id, record.id)
    with suppress(DocumentNotFound):
        for link in here.store.vector_stores.links_of_file(record.team_id, file_id):
            if link.base_id == record.id:
                return _linked(link, base.document(link.document_id) if link.document_id else None)
        document_id = f"doc_{file_id.removeprefix('file-')}"
        if document_id not in here.store.vector_stores.files_of_documents(record.team_id, [document_id]):
            return _of_page(base.document(document_id))
    raise FileNotFound(f"The vector store has no file {file_id!r}; list its files to see which it has.")


def detach(here: Installation, record: KnowledgeBaseRecord, file: StoreFile) -> None:
    """Take a file out of a base: its document goes, with its text in stored answers."""
    if file.document:
        forget(here, record, file.document.id)
    here.store.vector_stores.unlink(record.team_id, record.id, file.file_id)
    here.store.database.forget_deleted()


def cancel(here: Installation, record: KnowledgeBaseRecord, batch: FileBatch) -> None:
    """Give up what is not ready yet of a batch."""
    here.store.vector_stores.cancel_batch(record.team_id, batch.id)
    for file in files(here, record):
        if file.batch_id == batch.id and file.status == "in_progress" and file.document:
            forget(here, record, file.document.id)
            gone = StoredFileLink(
                base_id=record.id,
                file_id=file.file_id,
                document_id=None,
                chunking=file.chunking,
                batch_id=batch.id,
                created_at=file.created_at,
            )
            here.store.vector_stores.link(record.team_id, gone)
    here.store.database.forget_deleted()


def forget(here: Installation, record: KnowledgeBaseRecord, document_id: str) -> None:
    """Remove a document, and its text in stored answers; what is gone already is fine."""
    with suppress(DocumentNotFound):
        here.bases.get(record.team_id, record.id).remove(document_id)
    here.store.forget_document(record.team_id, document_id)


def drop_file(here: Installation, team_id: str, file_id: str) -> None:
    """Take a file out of every vector store of the team, and forget what was made of it."""
    links = here.store.vector_stores.links_of_file(team_id, file_id)
    records = here.store.knowledge_bases.some(team_id, [link.base_id for link in links])
    by_id = {record.id: record for record in records}
    for link in links:
        if link.document_id and link.base_id in by_id:
            forget(here, by_id[link.base_id], link.document_id)
        here.store.vector_stores.unlink(team_id, link.base_id, file_id)
    here.store.forget_document(team_id, file_id)  # of answers that it was sent along for
    here.store.database.forget_deleted()


def page_document(
    here: Installation, team_id: str, file_id: str, *, among: Collection[str] | None = None
) -> tuple[KnowledgeBaseRecord, KnowledgeBase, Document]:
    """The document of the page that is the file with this id, in all bases or some. Raises FileNotFound."""
    digits = file_id.removeprefix("file-")
    if _DIGITS.fullmatch(digits):
        for record in here.store.knowledge_bases.page(team_id, Window(limit=_MOST_BASES), among=among)[0]:
            base = here.bases.get(team_id, record.id)
            with suppress(DocumentNotFound):
                return record, base, base.document(f"doc_{digits}")
    raise file_not_found(file_id)


def shelf(here: Installation, caller: Caller, wanted: Sequence[str]) -> Shelf:
    """The bases behind some vector store ids, for an answer. Raises VectorStoreNotFound."""
    return shelf_of(here, caller, [find(here, caller, each) for each in dict.fromkeys(wanted)])


def find_stored(here: Installation, caller: Caller, file_id: str) -> StoredFile:
    """A file that came through /v1/files. Raises FileNotFound.

    For a key with a scope those exist that it sent, and those that are in the stores it may read.
    """
    among = readable_files(here, caller)
    if among is not None and file_id not in among:
        raise file_not_found(file_id)
    return here.store.files.get(caller.team.id, file_id)


def readable_files(here: Installation, caller: Caller) -> frozenset[str] | None:
    """Ids of the files within the scope of the caller's key; None for all of the team."""
    bases, team_id = readable_bases(here, caller), caller.team.id
    if bases is None:
        return None
    linked = {link.file_id for base in bases for link in here.store.vector_stores.links(team_id, base)}
    return here.store.belongings.of(caller, "file-") | linked


def _linked(link: StoredFileLink, document: Document | None) -> StoreFile:
    return StoreFile(
        file_id=link.file_id,
        document=document,
        chunking=link.chunking,
        batch_id=link.batch_id,
        created_at=link.created_at,
    )


def _of_page(document: Document) -> StoreFile:
    return StoreFile(
        file_id=page_file_id(document.id),
        document=document,
        chunking=None,
        batch_id=None,
        created_at=document.created_at,
    )


def _source(here: Installation, caller: Caller, file_id: str) -> _Source:
    try:
        file = find_stored(here, caller, file_id)
    except FileNotFound:
        among = readable_bases(here, caller)
        _, base, document = page_document(here, caller.team.id, file_id, among=among)
        path = base.original(document.id)
        return _Source(
            path=path, name=document.name, sha256=path.name.rpartition("-")[2], size=path.stat().st_size
        )
    return _Source(path=content_of(here, file), name=file.name, sha256=file.sha256, size=file.size)


def _take_in(
    here: Installation,
    record: KnowledgeBaseRecord,
    base: KnowledgeBase,
    source: _Source,
    name: str,
    attributes: Mapping[str, Any] | None,
) -> Document:
    incoming = here.settings.data / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    copy = incoming / f"{record.id}-{os.urandom(8).hex()}"
    try:
        _copy(source.path, copy)
        document = base.accept(
            copy,
            name=name,
            media_type=media_type_of(source.name),
            sha256=source.sha256,
            size=source.size,
            attributes=attributes,
        )
    finally:
        copy.unlink(missing_ok=True)  # accept moved it away when all went well
    if document.pending_sha256:
        here.worker.submit(address_of(record), document.id, document.pending_sha256)
    return document


def _copy(source: Path, target: Path) -> None:
    """Another name for the same bytes where the file system can: nobody writes into a stored file."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _free_name(taken: Collection[str], name: str) -> str:
    """Two files of one name are two documents here: OpenAI's clients tell them apart by id."""
    if name not in taken:
        return name
    stem, dot, extension = name.rpartition(".") if "." in name else (name, "", "")
    return next(
        candidate
        for number in itertools.count(2)
        if (candidate := f"{stem} ({number}){dot}{extension}") not in taken
    )
