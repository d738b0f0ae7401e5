"""/v1/vector_stores/…/files and /file_batches: documents, as OpenAI's clients know them."""

from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from knowledge.errors import PageNotFound
from service.access import Editor, TheInstallation
from service.routes.openai.vector_store_shapes import (
    AttributesIn,
    BatchIn,
    BatchOut,
    StoreFileDeletedOut,
    StoreFileIn,
    StoreFileOut,
    StoreFiles,
    StoreId,
    batch_out,
    file_out,
    listed,
)
from service.routes.shapes import PageWindow, errors
from service.vector_stores import attach, cancel, detach, files, find, find_file

router = APIRouter(prefix="/v1/vector_stores/{vector_store_id}", tags=["openai"])

StatusFilter = Annotated[
    Literal["in_progress", "completed", "failed", "cancelled"] | None,
    Query(alias="filter", description="Only files in this status"),
]


class TextOut(BaseModel):
    """The text of one page."""

    type: Literal["text"] = "text"
    text: str


class ContentOut(BaseModel):
    """What was read from a file, page by page."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "vector_store.file_content.page",
                "data": [{"type": "text", "text": "4.2 Annual leave\n…"}],
                "has_more": False,
                "next_page": None,
            }
        }
    )
    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextOut]
    has_more: bool = False
    next_page: None = None


@router.post("/files", responses=errors(400, 404))
def add_file(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, body: StoreFileIn
) -> StoreFileOut:
    """Put a file of /v1/files into the store. It is read behind; watch `status`."""
    record = find(here, caller, vector_store_id)
    attach(here, caller, record, [body.wanted()])
    return file_out(record, find_file(here, record, body.file_id))


@router.get("/files", responses=errors(400, 404))
def list_store_files(
    here: TheInstallation,
    caller: Editor,
    vector_store_id: StoreId,
    window: PageWindow,
    status: StatusFilter = None,
) -> StoreFiles:
    """The files of the store; documents that the page took in are among them."""
    record = find(here, caller, vector_store_id)
    return listed(record, files(here, record), window, status)


@router.get("/files/{file_id}", responses=errors(404))
def get_store_file(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, file_id: str
) -> StoreFileOut:
    """One file, with its status and what went wrong."""
    record = find(here, caller, vector_store_id)
    return file_out(record, find_file(here, record, file_id))


@router.post("/files/{file_id}", responses=errors(400, 404))
def change_attributes(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, file_id: str, body: AttributesIn
) -> StoreFileOut:
    """Replace the attributes that searches filter by."""
    record = find(here, caller, vector_store_id)
    file = find_file(here, record, file_id)
    if file.document:
        here.bases.get(record.team_id, record.id).annotate(file.document.id, body.attributes or {})
    return file_out(record, find_file(here, record, file_id))


@router.get("/files/{file_id}/content", responses=errors(404))
def get_store_content(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, file_id: str
) -> ContentOut:
    """The text that was read from the file."""
    record = find(here, caller, vector_store_id)
    file = find_file(here, record, file_id)
    texts: list[TextOut] = []
    if file.document:
        base = here.bases.get(record.team_id, record.id)
        for number in range(1, file.document.pages + 1):
            with suppress(PageNotFound):
                texts.append(TextOut(text=base.page(file.document.id, number).text))
    return ContentOut(data=texts)


@router.delete("/files/{file_id}", responses=errors(404))
def remove_file(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, file_id: str
) -> StoreFileDeletedOut:
    """Take a file out of the store, with its text in stored answers; the file of /v1/files stays."""
    record = find(here, caller, vector_store_id)
    detach(here, record, find_file(here, record, file_id))
    return StoreFileDeletedOut(id=file_id)


@router.post("/file_batches", responses=errors(400, 404))
def add_batch(here: TheInstallation, caller: Editor, vector_store_id: StoreId, body: BatchIn) -> BatchOut:
    """Put several files into the store at once; if one of them does not exist, none is taken."""
    record = find(here, caller, vector_store_id)
    batch = here.store.vector_stores.add_batch(caller.team.id, record.id)
    attach(here, caller, record, body.wanted(), batch)
    return batch_out(record, batch, files(here, record))


@router.get("/file_batches/{batch_id}", responses=errors(404))
def get_batch(here: TheInstallation, caller: Editor, vector_store_id: StoreId, batch_id: str) -> BatchOut:
    """One batch, with how far it is."""
    record = find(here, caller, vector_store_id)
    batch = here.store.vector_stores.batch(caller.team.id, record.id, batch_id)
    return batch_out(record, batch, files(here, record))


@router.post("/file_batches/{batch_id}/cancel", responses=errors(404))
def cancel_batch(here: TheInstallation, caller: Editor, vector_store_id: StoreId, batch_id: str) -> BatchOut:
    """Give up the files of the batch that are not ready yet."""
    record = find(here, caller, vector_store_id)
    cancel(here, record, here.store.vector_stores.batch(caller.team.id, record.id, batch_id))
    batch = here.store.vector_stores.batch(caller.team.id, record.id, batch_id)
    return batch_out(record, batch, files(here, record))


@router.get("/file_batches/{batch_id}/files", responses=errors(400, 404))
def list_batch_files(
    here: TheInstallation,
    caller: Editor,
    vector_store_id: StoreId,
    batch_id: str,
    window: PageWindow,
    status: StatusFilter = None,
) -> StoreFiles:
    """The files of a batch."""
    record = find(here, caller, vector_store_id)
    batch = here.store.vector_stores.batch(caller.team.id, record.id, batch_id)
    found = [file for file in files(here, record) if file.batch_id == batch.id]
    return listed(record, found, window, status)
