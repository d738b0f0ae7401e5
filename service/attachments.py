"""Files that come along with a question: read in the cage, cut and searched like those of a knowledge base.

Nothing of them stays: they are read again for the next question that brings them.
"""

import base64
import binascii
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anyio import to_thread

from ingest.cage import ReadLimits
from ingest.limits import MIB
from ingest.pipeline import cut, ingest_document
from instructions.prompt import estimate_tokens
from knowledge.base import KnowledgeBase
from knowledge.catalogue import label
from knowledge.documents import Document, DocumentStatus, Passage, Scores
from knowledge.embeddings import Embedder
from knowledge.relevance import ANSWERABLE
from knowledge.search import search
from service.access import NotAllowed
from service.events import ReadAttached
from service.files import content_of
from service.installation import Installation, StillStarting, read_limits
from service.records import Caller, Role
from service.shown import INLINE
from service.store.files import FileNotFound
from service.uploads import media_type_of
from service.vector_stores import page_document

_MOST_FILES = 10  # of one question, those of earlier questions included: the newest
_LARGEST = 50 * MIB
_READ_WITHIN_S = 60  # somebody waits
_MOST_PAGES = 1_000
_MOST_CHARACTERS = 1_000_000
_SHARE = 0.4  # of the prompt's budget, for the text of the files
_RANKED = 40  # passages of long files that are looked at


class UnusableAttachment(ValueError):
    """A file or an image of the question cannot be used; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class AttachedFile:
    """A file that came along with a question."""

    id: str  # of the file or the document; INLINE and digits for content that came within the question
    name: str
    content: Path | bytes = field(repr=False)


def taken_apart(
    here: Installation, caller: Caller, parts: Iterable[Mapping[str, Any]]
) -> tuple[tuple[Mapping[str, Any], ...], tuple[AttachedFile, ...]]:
    """The parts that the model is given, and the files among them; it blocks.

    Raises UnusableAttachment, NotAllowed and FileNotFound.
    """
    given: list[Mapping[str, Any]] = []
    files: dict[str, AttachedFile] = {}
    for part in parts:
        if part.get("type") == "file":
            file = _file(here, caller, _named(part, "file"))
            files[file.id] = file
        else:
            image = part.get("image_url")
            if part.get("file_id") or (isinstance(image, Mapping) and image.get("file_id")):
                _refuse_naming(caller)
            given.append(part)
    return tuple(given), tuple(files.values())[-_MOST_FILES:]


def reader_of(here: Installation, files: Sequence[AttachedFile]) -> ReadAttached | None:
    """What reads these files when it is known what is asked; None without files. Raises StillStarting."""
    if not files:
        return None
    if not here.embedder.done():
        raise StillStarting(StillStarting.__doc__)
    embedder, room = here.embedder.result(), int(here.settings.context_tokens * _SHARE)
    limits = _limits(here)

    async def read(query: str) -> Sequence[Passage]:
        return await to_thread.run_sync(
            _passages, files, query, embedder, limits, room, limiter=here.readings
        )

    return read


def _limits(here: Installation) -> ReadLimits:
    limits = read_limits(here.settings)
    return replace(
        limits,
        file_bytes=min(limits.file_bytes, _LARGEST),
        pages=min(limits.pages, _MOST_PAGES),
        characters=min(limits.characters, _MOST_CHARACTERS),
        cpu_seconds=min(limits.cpu_seconds, _READ_WITHIN_S),
        wall_seconds=min(limits.wall_seconds, _READ_WITHIN_S),
    )


# From parts to files


def _named(part: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    inner = part.get(kind)
    if not isinstance(inner, Mapping):
        raise UnusableAttachment(f"A part of the type {kind!r} needs an object {kind!r} with its content.")
    return inner


def _file(here: Installation, caller: Caller, given: Mapping[str, Any]) -> AttachedFile:
    if given.get("file_id"):
        return _stored(here, caller, str(given["file_id"]))
    if given.get("file_data"):
        name = label(str(given.get("filename") or "file"))
        content = _decoded(str(given["file_data"]), name)
        return AttachedFile(id=INLINE + hashlib.sha256(content).hexdigest()[:24], name=name, content=content)
    if given.get("file_url"):
        raise UnusableAttachment("Doumi fetches no file_url: send the content as file_data, or a file_id.")
    raise UnusableAttachment("A file needs file_data (with a filename) or a file_id.")


def _stored(here: Installation, caller: Caller, file_id: str) -> AttachedFile:
    _refuse_naming(caller)
    try:
        file = here.store.files.get(caller.team.id, file_id)
    except FileNotFound:
        _, base, document = page_document(here, caller.team.id, file_id)
        return AttachedFile(id=document.id, name=document.name, content=base.original(document.id))
    return AttachedFile(id=file.id, name=file.name, content=content_of(here, file))


def _refuse_naming(caller: Caller) -> None:
    """Whoever names a file reads it, so that takes what reading it under /v1/files does."""
    if not caller.role.covers(Role.EDITOR) or caller.assistants is not None:
        raise NotAllowed("A file_id needs the role editor; send the content itself as base64.")


def _decoded(data: str, name: str) -> bytes:
    """`data:…;base64,…`, or base64 alone."""
    encoded = data.partition(",")[2] if data.startswith("data:") else data
    if len(encoded) * 3 // 4 > _LARGEST:
        raise UnusableAttachment(
            f"{name} has more than {_LARGEST // MIB} MiB, the limit of a question's file."
        )
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UnusableAttachment(f"{name}: file_data must be base64, or a data: address of it.") from None


# From files to passages


def _passages(
    files: Sequence[AttachedFile], query: str, embedder: Embedder, limits: ReadLimits, room: int
) -> list[Passage]:
    """All of them, in their order, where there is room; else those that bear on the question the most."""
    with tempfile.TemporaryDirectory(prefix="doumi-attached-") as folder, ExitStack() as stack:
        bases: list[KnowledgeBase] = []
        everything: list[Passage] = []
        ids: dict[str, str] = {}
        for at, file in enumerate(files):
            base = KnowledgeBase.open(Path(folder) / str(at), embedder=embedder)
            stack.callback(base.close)
            document = _read(base, file, limits)
            bases.append(base)
            ids[document.id] = file.id
            everything += _whole(base, document)
        found = search(bases, query, k=_RANKED, floor=0.0)
        judged = {(each.document_id, each.chunk.ordinal): each for each in found.passages}
        everything = [judged.get((each.document_id, each.chunk.ordinal), each) for each in everything]
        # Where nothing bears on the question, as where it asks for a summary, the beginning is shown.
        fitting = _fitting(everything, room)
        if len(fitting) < len(everything) and found.answerability >= ANSWERABLE:
            fitting = _fitting(found.passages, room)
        return [replace(each, document_id=ids[each.document_id]) for each in fitting]


def _read(base: KnowledgeBase, file: AttachedFile, limits: ReadLimits) -> Document:
    """The file as a document. Raises UnusableAttachment."""
    copy = base.folder / "incoming"
    if isinstance(file.content, bytes):
        copy.write_bytes(file.content)
    else:
        _copy(file.content, copy)
    with copy.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    accepted = base.accept(
        copy,
        name=file.name,
        media_type=media_type_of(file.name),
        sha256=sha256,
        size=copy.stat().st_size,
    )
    ingest_document(base, accepted.id, sha256, limits=limits)
    document = base.document(accepted.id)
    if document.status is not DocumentStatus.READY:
        raise UnusableAttachment(
            f"{file.name} cannot be read with the question. {document.error} "
            "What is too large for a question goes into a knowledge base."
        )
    return document


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise UnusableAttachment(
            "The file was deleted while the question was asked; ask without it."
        ) from None
    except OSError:
        shutil.copyfile(source, target)


def _whole(base: KnowledgeBase, document: Document) -> list[Passage]:
    pages = [base.page(document.id, number) for number in range(1, document.pages + 1)]
    return [
        Passage(
            document_id=document.id,
            document_name=document.name,
            chunk=chunk,
            score=0.0,
            relevance=0.0,
            scores=Scores(dense=None, lexical=0.0, fused=0.0),
        )
        for chunk in cut(pages, base.making())
    ]


def _fitting(passages: Sequence[Passage], room: int) -> list[Passage]:
    """As many as there is room for, and one at least."""
    kept: list[Passage] = []
    for passage in passages:
        room -= estimate_tokens(passage.chunk.text)
        if room < 0 and kept:
            break
        kept.append(passage)
    return kept
