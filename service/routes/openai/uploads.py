"""/v1/uploads: files that come in parts."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile

from knowledge.catalogue import label
from service.access import Editor, TheInstallation
from service.files import cancel, complete, keep_part
from service.installation import Installation
from service.records import Caller, Upload
from service.routes.openai.file_shapes import (
    CompleteIn,
    PartOut,
    UploadIn,
    UploadOut,
    lasting,
    part_out,
    upload_out,
)
from service.routes.shapes import errors
from service.uploads import UploadMalformed, UploadTooLarge, read_form

router = APIRouter(prefix="/v1/uploads", tags=["openai"])

_PART_BYTES = 64 * 1024 * 1024  # as at OpenAI

_PART_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string", "format": "binary"}},
                },
                "example": {"data": "%PDF-1.7 …"},
            }
        },
    }
}


@router.post("", responses=errors(413))
def begin_upload(here: TheInstallation, caller: Editor, body: UploadIn) -> UploadOut:
    """Announce a file that comes in parts; it can be completed within an hour."""
    limit = here.settings.max_upload_mb
    if body.bytes > limit * 1024 * 1024:
        raise UploadTooLarge(f"bytes: this installation takes files of {limit} MB at most; split the file.")
    upload = here.store.files.begin(
        caller.team.id,
        name=label(body.filename),
        purpose=body.purpose,
        media_type=body.mime_type,
        size=body.bytes,
        lasts_s=lasting(body.purpose, body.expires_after),
    )
    return upload_out(upload)


@router.post("/{upload_id}/parts", openapi_extra=_PART_BODY, responses=errors(400, 404, 413))
async def add_part(request: Request, here: TheInstallation, caller: Editor, upload_id: str) -> PartOut:
    """Send a part of at most 64 MB as the multipart field `data`; parts may come side by side."""
    upload = await to_thread.run_sync(here.store.files.open_upload, caller.team.id, upload_id)
    form = await read_form(request, min(_PART_BYTES, upload.size))
    try:
        data = form.get("data")
        if not isinstance(data, UploadFile):
            raise UploadMalformed("Send the part as the multipart field “data”.")
        return part_out(await to_thread.run_sync(keep_part, here, upload, data.file))
    finally:
        await form.close()


@router.post("/{upload_id}/complete", responses=errors(400, 404))
def complete_upload(here: TheInstallation, caller: Editor, upload_id: str, body: CompleteIn) -> UploadOut:
    """Put the parts together; the reply holds the file. A wrong md5 changes nothing."""
    upload = here.store.files.open_upload(caller.team.id, upload_id)
    return _out(here, caller, complete(here, upload, body.part_ids, body.md5))


@router.post("/{upload_id}/cancel", responses=errors(400, 404))
def cancel_upload(here: TheInstallation, caller: Editor, upload_id: str) -> UploadOut:
    """Give the upload up; the parts that came are deleted."""
    return _out(here, caller, cancel(here, caller.team.id, upload_id))


def _out(here: Installation, caller: Caller, upload: Upload) -> UploadOut:
    file = here.store.files.get(caller.team.id, upload.file_id) if upload.file_id else None
    return upload_out(upload, file)
