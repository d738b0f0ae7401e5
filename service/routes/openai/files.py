"""/v1/files: the team's files."""

from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from service.access import Editor, NotAllowed, TheInstallation, may_read, readable_bases
from service.files import content_of, keep
from service.installation import Installation
from service.records import Caller, StoredFile
from service.routes.openai.file_shapes import (
    FileDeletedOut,
    FileOut,
    expiry_of,
    file_out,
    lasting,
    purpose_of,
)
from service.routes.shapes import Listing, errors
from service.store.files import FileNotFound
from service.store.pages import Window
from service.uploads import UploadMalformed, read_form
from service.vector_stores import drop_file, find_stored, forget, page_document, readable_files

router = APIRouter(prefix="/v1/files", tags=["openai"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string"},
                        "expires_after[anchor]": {"type": "string"},
                        "expires_after[seconds]": {"type": "integer"},
                    },
                },
                "example": {"file": "handbook.pdf", "purpose": "assistants"},
            }
        },
    }
}


@router.post("", openapi_extra=_BODY, responses=errors(400, 413))
async def create_file(request: Request, here: TheInstallation, caller: Editor) -> FileOut:
    """Store a file for vector stores, attachments or questions; nothing is read yet."""
    form = await read_form(request, here.settings.max_upload_mb * 1024 * 1024)
    try:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise UploadMalformed("Send the file as the multipart field “file”.")
        purpose, expiry = purpose_of(form), expiry_of(form)
        file = await to_thread.run_sync(
            lambda: keep(
                here,
                caller.team.id,
                upload.file,
                name=upload.filename or "",
                purpose=purpose,
                lasts_s=lasting(purpose, expiry),
            )
        )
        await to_thread.run_sync(here.store.belongings.take, caller, file.id)
        return file_out(file)
    finally:
        await form.close()


@router.get("", responses=errors(400))
def list_files(
    here: TheInstallation,
    caller: Editor,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
    after: Annotated[str | None, Query(description="Id of the item before the page")] = None,
    purpose: Annotated[str | None, Query(description="Only files of this purpose")] = None,
) -> Listing[FileOut]:
    """The files of the team, the newest first."""
    window = Window(limit=limit, order="asc" if order == "asc" else "desc", after=after)
    found, more = here.store.files.page(
        caller.team.id, window, purpose=purpose, among=readable_files(here, caller)
    )
    return Listing(
        data=[file_out(file) for file in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.get("/{file_id}", responses=errors(404))
def get_file(here: TheInstallation, caller: Editor, file_id: str) -> FileOut:
    """One file; a document that the page took in is one too."""
    return file_out(_file(here, caller, file_id)[0])


@router.get(
    "/{file_id}/content",
    responses=errors(404) | {200: {"content": {"application/octet-stream": {"example": "%PDF-1.7 …"}}}},
    response_class=FileResponse,
)
def get_content(here: TheInstallation, caller: Editor, file_id: str) -> FileResponse:
    """The file as it was uploaded."""
    file, path = _file(here, caller, file_id)
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=file.name,
        headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
    )


@router.delete("/{file_id}", responses=errors(404))
def delete_file(here: TheInstallation, caller: Editor, file_id: str) -> FileDeletedOut:
    """Delete a file, also out of every vector store, with its text in stored answers."""
    team = caller.team.id
    try:
        find_stored(here, caller, file_id)
        _refuse_used_elsewhere(here, caller, file_id)
        file = here.store.files.remove(team, file_id)
    except FileNotFound:
        record, _, document = page_document(here, team, file_id, among=readable_bases(here, caller))
        forget(here, record, document.id)
        here.store.database.forget_deleted()
    else:
        drop_file(here, team, file_id)
        here.store.belongings.drop(team, file_id)
        content_of(here, file).unlink(missing_ok=True)
    return FileDeletedOut(id=file_id)


def _refuse_used_elsewhere(here: Installation, caller: Caller, file_id: str) -> None:
    """A file goes out of every store, so a key with a scope must be allowed to use all of them."""
    links = here.store.vector_stores.links_of_file(caller.team.id, file_id)
    if not all(may_read(here, caller, link.base_id) for link in links):
        raise NotAllowed(
            "Assistants that this key is not for read the file, too; remove it from your stores."
        )


def _file(here: Installation, caller: Caller, file_id: str) -> tuple[StoredFile, Path]:
    """A file and where its bytes are, whichever way it came in. Raises FileNotFound."""
    try:
        file = find_stored(here, caller, file_id)
    except FileNotFound:
        _, base, document = page_document(here, caller.team.id, file_id, among=readable_bases(here, caller))
        file = StoredFile(
            id=file_id,
            team_id=caller.team.id,
            name=document.name,
            purpose="assistants",
            size=document.size,
            sha256=document.sha256 or document.pending_sha256 or "",
            created_at=document.created_at,
            expires_at=None,
        )
        return file, base.original(document.id)
    return file, content_of(here, file)
