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
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from knowledge.base import KnowledgeBase
from knowledge.documents import Document
from service.bases import address_of
from service.installation import Installation
from service.records import KnowledgeBaseRecord

_FORM_OVERHEAD = 64 * 1024  # bytes of a multipart request that are not the file


class UploadTooLarge(Exception):
    """The file is larger than the installation takes; the message names the limit."""


class UploadMalformed(Exception):
    """The request is no multipart form with a field `file`."""


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
    form = await read_form(request, here.settings.max_upload_mb * 1024 * 1024)
    try:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise UploadMalformed("Send the file as the multipart field “file”.")
        name, attributes = to.name or upload.filename or "", _attributes(form)
        return await to_thread.run_sync(
            lambda: store_upload(
                here, to.base, address_of(to.record), upload.file, name, attributes=attributes
            )
        )
    finally:
        await form.close()


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


async def read_form(request: Request, limit: int) -> FormData:
    """The form, read in a stream that ends as soon as it is too large.

    Raises UploadTooLarge and UploadMalformed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + _FORM_OVERHEAD:
        raise _too_large(limit)
    received = 0

    async def counted() -> AsyncGenerator[bytes, None]:
        nonlocal received
        async for part in request.stream():
            received += len(part)
            if received > limit + _FORM_OVERHEAD:
                raise _too_large(limit)
            yield part

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UploadMalformed("Send the file as multipart/form-data, in the field “file”.")
    try:
        return await MultiPartParser(request.headers, counted(), max_files=1, max_fields=16).parse()
    except (MultiPartException, KeyError) as error:
        reason = getattr(error, "message", "the boundary is missing")
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
    limit = here.settings.max_upload_mb * 1024 * 1024
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
        f"The file is larger than the {limit // (1024 * 1024)} MB that this installation takes. Split it, "
        "or ask the operator to raise DOUMI_MAX_UPLOAD_MB."
    )
