"""Taking a file in: a stream to disk, hashed and limited on the way, recorded and queued."""

import hashlib
import json
import mimetypes
import os
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ingest.limits import MIB
from knowledge.base import KnowledgeBase
from knowledge.documents import Document
from knowledge.errors import UnusableAttributes
from service.bases import address_of
from service.installation import Installation
from service.records import KnowledgeBaseRecord

_FORM_OVERHEAD = 64 * 1024  # bytes of a multipart request that are not the file
_MOST_FILES = 200  # in one request


class UploadTooLarge(Exception):
    """The file is larger than the installation takes; the message names the limit."""


class UploadMalformed(Exception):
    """The request is no multipart form with a field `file`."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of one file of a request."""

    name: str
    document: Document | None
    error: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class Copied:
    """A file on its way in: on disk, whole, not yet in its place."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where an upload goes."""

    record: KnowledgeBaseRecord
    base: KnowledgeBase
    name: str | None = None  # of the document; None: that of the file


async def take_in(request: Request, here: Installation, to: Destination) -> Document:
    """Read the multipart fields `file` and `attributes` (a JSON object) from the request.

    Raises UploadTooLarge, UploadMalformed and UnusableAttributes.
    """
    form = await read_form(request, here.settings.max_upload_mb * MIB)
    try:
        [upload] = _files(form)
        attributes = _attributes(form)
        return await to_thread.run_sync(lambda: _store(here, to, upload, attributes))
    finally:
        await form.close()


async def take_in_all(request: Request, here: Installation, to: Destination) -> list[Taken]:
    """Like `take_in`, of every field `file`. One that cannot be taken does not keep the others out."""
    largest = here.settings.max_upload_mb * MIB
    most = max(here.settings.max_request_mb * MIB, largest)
    form = await read_form(request, most, files=_MOST_FILES, largest=largest)
    try:
        files, attributes = _files(form), _attributes(form)
        return [await to_thread.run_sync(_tried, here, to, upload, attributes) for upload in files]
    finally:
        await form.close()


def _tried(
    here: Installation, to: Destination, upload: UploadFile, attributes: dict[str, Any] | None
) -> Taken:
    name = upload.filename or ""
    try:
        return Taken(name=name, document=_store(here, to, upload, attributes))
    except (UploadTooLarge, UnusableAttributes, OSError) as error:
        return Taken(name=name, document=None, error=error)


def _store(
    here: Installation, to: Destination, upload: UploadFile, attributes: dict[str, Any] | None
) -> Document:
    name, where = to.name or upload.filename or "", address_of(to.record)
    return store_upload(here, to.base, where, upload.file, name, attributes=attributes)


def _files(form: FormData) -> list[UploadFile]:
    files = [upload for upload in form.getlist("file") if isinstance(upload, UploadFile)]
    if not files:
        raise UploadMalformed("Send the file as the multipart field “file”.")
    return files


def _attributes(form: FormData) -> dict[str, Any] | None:
    """What the field `attributes` says; None without it."""
    text = form.get("attributes")
    if text is None:
        return None
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UploadMalformed('Send the field “attributes” as a JSON object, such as {"year": 2026}.')
    return found


class _Parser(MultiPartParser):
    """Keeps no more of a part than shows that it is too large."""

    def __init__(
        self, headers: Headers, stream: AsyncGenerator[bytes, None], *, files: int, largest: int
    ) -> None:
        super().__init__(headers, stream, max_files=files, max_fields=16)
        self._largest = self._room = largest + 1

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._room = self._largest

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        end = min(end, start + self._room)
        self._room -= end - start
        super().on_part_data(data, start, end)


async def read_form(request: Request, limit: int, *, files: int = 1, largest: int | None = None) -> FormData:
    """The form, read in a stream that ends as soon as it is too large.

    `limit` is in bytes, for all `files` together; `largest` for one of them. Raises UploadTooLarge and
    UploadMalformed.
    """
    too_large = _too_large(limit) if files == 1 else _request_too_large(limit)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + _FORM_OVERHEAD:
        raise too_large
    received = 0

    async def counted() -> AsyncGenerator[bytes, None]:
        nonlocal received
        async for part in request.stream():
            received += len(part)
            if received > limit + _FORM_OVERHEAD:
                raise too_large
            yield part

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UploadMalformed("Send the file as multipart/form-data, in the field “file”.")
    try:
        parser = _Parser(request.headers, counted(), files=files, largest=largest or limit)
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        reason = getattr(error, "message", "the boundary is missing").rstrip(".")
        raise UploadMalformed(f"The upload could not be read: {reason}.") from None


def store_upload(
    here: Installation,
    base: KnowledgeBase,
    where: str,
    content: BinaryIO,
    name: str,
    *,
    attributes: Mapping[str, Any] | None = None,
) -> Document:
    """Copy a file into the base at the address `where` while hashing it, and queue its reading.

    `attributes` replace those that a document of this name has. Raises UploadTooLarge and UnusableAttributes.
    """
    with copied(here, content) as copy:
        document = base.accept(
            copy.path,
            name=name,
            media_type=media_type_of(name),
            sha256=copy.sha256,
            size=copy.size,
            attributes=attributes,
        )
    if document.pending_sha256:
        here.worker.submit(where, document.id, document.pending_sha256)
    return document


@contextmanager
def copied(here: Installation, content: BinaryIO) -> Iterator[Copied]:
    """A copy of the content beside the data, hashed on the way; it is gone afterwards unless it was moved.

    Raises UploadTooLarge.
    """
    digest, size = hashlib.sha256(), 0
    limit = here.settings.max_upload_mb * MIB
    incoming = here.settings.data / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as copy:
        try:
            while block := content.read(1 << 20):
                digest.update(block)
                size += len(block)
                if size > limit:
                    raise _too_large(limit)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
            yield Copied(path=Path(copy.name), sha256=digest.hexdigest(), size=size)
        finally:
            Path(copy.name).unlink(missing_ok=True)  # it was moved away when all went well


def media_type_of(name: str) -> str:
    """What a name says of its content; the readers look at the content itself."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _too_large(limit: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"The file is larger than the {limit // MIB} MB that this installation takes. Split it, "
        "or ask the operator to raise DOUMI_MAX_UPLOAD_MB."
    )


def _request_too_large(limit: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"The files of this request are larger than {limit // MIB} MB together. Send them in several "
        "requests, or ask the operator to raise DOUMI_MAX_REQUEST_MB."
    )
