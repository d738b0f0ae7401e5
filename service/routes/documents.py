"""Documents: upload, watch, inspect, replace, note, delete, search.

The same routes lie below an assistant, for the documents of all bases that it reads, and below a knowledge
base: see `routers`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from knowledge.attributes import checked
from knowledge.base import KnowledgeBase
from knowledge.documents import DocumentStatus
from knowledge.errors import DocumentNotFound, UnusableFilter
from knowledge.filters import Filter, parse
from knowledge.search import search
from service.access import (
    CitingShelf,
    EditorShelf,
    Shelf,
    TheInstallation,
    ViewerShelf,
    of_assistant,
    of_base,
)
from service.bases import address_of, passages_of
from service.document_lists import Wanted, page_of
from service.errors import INVALID, Fault, body_of
from service.records import KnowledgeBaseRecord
from service.routes.document_shapes import (
    DOCUMENT,
    DeletionIn,
    DeletionOut,
    DocumentChange,
    DocumentOut,
    PageOut,
    PageSummaryOut,
    ReceiptOut,
    SearchIn,
    SearchOut,
    UploadsOut,
    document_out,
    passage_out,
    receipt_out,
    uploads_out,
)
from service.routes.shapes import Listing, PageWindow, errors
from service.uploads import Destination, take_in, take_in_all

router = APIRouter(tags=["documents"])  # without the beginning of the address

_WATCH_EVERY_S = 0.15
_PING_AFTER_S = 15.0
_SHOWN_AS_THEY_ARE = {"application/pdf", "image/png", "image/jpeg", "text/plain"}


_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "attributes": {"type": "string", "description": "A JSON object, for filters"},
                    },
                },
                "example": {"file": "handbook.pdf", "attributes": '{"department": "hr", "year": 2026}'},
            }
        },
    }
}


@router.post(
    "/documents",
    status_code=202,
    openapi_extra=_UPLOAD_BODY,
    responses=errors(400, 404, 413, 415) | {202: {"content": {"application/json": {"example": DOCUMENT}}}},
)
async def upload_documents(
    request: Request, here: TheInstallation, shelf: EditorShelf
) -> DocumentOut | UploadsOut:
    """Upload a file, or several as more fields `file`. They are read behind; watch `status` or `…/events`.

    A file with the name of one that is there replaces it in place: the old content answers until
    the new one is ready, and only changed chunks are embedded again. Of several files the reply is a list:
    one that cannot be taken is in `errors` and does not keep the others out.
    """
    record, base = shelf.first
    taken = await take_in_all(request, here, Destination(record=record, base=base))
    if len(taken) > 1:
        return uploads_out(taken, record)
    if taken[0].error is not None:
        raise taken[0].error
    assert taken[0].document is not None
    return document_out(taken[0].document, record)


@router.put(
    "/documents/{document_id}",
    status_code=202,
    openapi_extra=_UPLOAD_BODY,
    responses=errors(400, 404, 413, 415),
)
async def replace_document(
    request: Request, here: TheInstallation, shelf: EditorShelf, document_id: str
) -> DocumentOut:
    """Give a document new content under its old name, in place."""
    record, base = await to_thread.run_sync(_place, shelf, document_id)
    document = await to_thread.run_sync(base.document, document_id)
    to = Destination(record=record, base=base, name=document.name)
    return document_out(await take_in(request, here, to), record)


@router.get("/documents", responses=errors(400, 404))
def list_documents(
    shelf: ViewerShelf,
    window: PageWindow,
    status: Annotated[list[DocumentStatus] | None, Query(description="Only those in one of these")] = None,
    knowledge_base: Annotated[str | None, Query(description="Only those of the base with this slug")] = None,
    filter: Annotated[str | None, Query(description="As of a search, in JSON, without pages")] = None,
) -> Listing[DocumentOut]:
    """The documents, base after base."""
    if knowledge_base is not None:
        shelf = shelf.only(knowledge_base)
    wanted = Wanted(window=window, statuses=status or (), filter=None if filter is None else _filter(filter))
    page, more = page_of(shelf.records, shelf.bases, wanted)
    return Listing(
        data=[document_out(document, record) for document, record in page],
        first_id=page[0][0].id if page else None,
        last_id=page[-1][0].id if page else None,
        has_more=more,
    )


@router.get("/documents/{document_id}", responses=errors(404))
def get_document(shelf: ViewerShelf, document_id: str) -> DocumentOut:
    """One document, with its status and progress."""
    record, base = _place(shelf, document_id)
    return document_out(base.document(document_id), record)


@router.patch("/documents/{document_id}", responses=errors(400, 404, 409))
def change_document(
    here: TheInstallation, shelf: EditorShelf, document_id: str, body: DocumentChange
) -> DocumentOut:
    """Change the name or the attributes of a document.

    New attributes need no work. The name is part of what is searched: a document with a new one is found by
    it at once, and embedded again behind.
    """
    record, base = _place(shelf, document_id)
    document = base.document(document_id)
    if body.attributes is not None:
        checked(body.attributes)  # before the name changes
    if body.name is not None:
        document = base.rename(document_id, body.name)
    if body.attributes is not None:
        document = base.annotate(document_id, body.attributes)
    if body.name is not None and document.pending_sha256:
        here.worker.submit(address_of(record), document.id, document.pending_sha256)
    return document_out(document, record)


@router.post("/documents/delete", responses=errors(404))
def delete_documents(here: TheInstallation, shelf: EditorShelf, body: DeletionIn) -> DeletionOut:
    """Delete several documents, each as `DELETE` does."""
    receipts = [receipt for base in shelf.bases for receipt in base.remove_all(body.ids)]
    gone = {receipt.document_id: receipt for receipt in receipts}
    answers = {each: here.store.forget_document(shelf.caller.team.id, each) for each in gone}
    here.store.database.forget_deleted()
    return DeletionOut(
        data=[receipt_out(gone[each], answers[each]) for each in gone],
        missing=[each for each in dict.fromkeys(body.ids) if each not in gone],
    )


@router.get("/documents/{document_id}/pages", responses=errors(404))
def list_pages(shelf: CitingShelf, document_id: str) -> Listing[PageSummaryOut]:
    """What each page of a document holds: characters, and the chunks that can be found."""
    pages = _holder(shelf, document_id).pages_of(document_id)
    return Listing(data=[PageSummaryOut.model_validate(page) for page in pages])


@router.get(
    "/documents/{document_id}/events",
    responses=errors(404)
    | {
        200: {
            "description": "Server-sent events, each the document as it stands",
            "content": {
                "text/event-stream": {"example": 'data: {"id": "doc_…", "status": "reading", …}\n\n'}
            },
        }
    },
    response_class=StreamingResponse,
)
async def watch_document(shelf: ViewerShelf, document_id: str) -> StreamingResponse:
    """Follow the reading of a document until it is ready or failed."""
    record, base = await to_thread.run_sync(_place, shelf, document_id)
    return StreamingResponse(_changes(record, base, document_id), media_type="text/event-stream")


@router.get(
    "/documents/{document_id}/file",
    responses=errors(404) | {200: {"content": {"application/octet-stream": {"example": "%PDF-1.7 …"}}}},
    response_class=FileResponse,
)
def get_original(shelf: CitingShelf, document_id: str) -> FileResponse:
    """The file as it was uploaded."""
    base = _holder(shelf, document_id)
    document = base.document(document_id)
    # A page that somebody uploaded must not run as one of ours.
    inline = document.media_type in _SHOWN_AS_THEY_ARE
    return FileResponse(
        base.original(document_id),
        media_type=document.media_type if inline else "application/octet-stream",
        filename=document.name,
        content_disposition_type="inline" if inline else "attachment",
        headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
    )


@router.get("/documents/{document_id}/pages/{number}", responses=errors(404))
def get_page(shelf: CitingShelf, document_id: str, number: int) -> PageOut:
    """The text of one page (slide, sheet), counted from 1."""
    page = _holder(shelf, document_id).page(document_id, number)
    return PageOut(number=page.number, label=page.label, text=page.text)


@router.delete("/documents/{document_id}", responses=errors(404))
def delete_document(here: TheInstallation, shelf: EditorShelf, document_id: str) -> ReceiptOut:
    """Delete a document: its file, pages, chunks, postings, vectors, and its text in stored answers."""
    receipt = _holder(shelf, document_id).remove(document_id)
    answers = here.store.forget_document(shelf.caller.team.id, document_id)
    here.store.database.forget_deleted()
    return receipt_out(receipt, answers)


@router.post("/search", responses=errors(400, 404))
def search_documents(shelf: EditorShelf, body: SearchIn) -> SearchOut:
    """Passages for a question with the scores of each stage, and what the relevance floor cut."""
    wanted = None if body.filter is None else parse(body.filter)
    found = search(shelf.bases, body.query, k=body.k or passages_of(shelf.bases), filter=wanted)
    return SearchOut(
        query=found.query,
        passages=[passage_out(passage) for passage in found.passages],
        below_floor=[passage_out(passage) for passage in found.below_floor],
        answerability=found.answerability,
        weights=found.weights,
        reranking=found.reranking,
        took_ms=round(found.took_ms, 3),
    )


def routers() -> list[APIRouter]:
    """The routes below an assistant, and the same below a knowledge base."""
    return [_below("/api/assistants/{slug}", of_assistant), _below("/api/knowledge-bases/{base}", of_base)]


def _below(prefix: str, owner: Callable[..., None]) -> APIRouter:
    made = APIRouter()
    made.include_router(router, prefix=prefix, dependencies=[Depends(owner)])
    return made


def _filter(text: str) -> Filter:
    try:
        return parse(json.loads(text))
    except (ValueError, RecursionError):
        raise UnusableFilter("the parameter is no JSON") from None


def _holder(shelf: Shelf, document_id: str) -> KnowledgeBase:
    """The base that holds the document. Raises DocumentNotFound."""
    return _place(shelf, document_id)[1]


def _place(shelf: Shelf, document_id: str) -> tuple[KnowledgeBaseRecord, KnowledgeBase]:
    for record, base in zip(shelf.records, shelf.bases, strict=True):
        with suppress(DocumentNotFound):
            base.document(document_id)
            return record, base
    raise DocumentNotFound(document_id)


async def _changes(record: KnowledgeBaseRecord, base: KnowledgeBase, document_id: str) -> AsyncIterator[str]:
    last, silent = None, 0.0
    while True:
        try:
            document = await to_thread.run_sync(base.document, document_id)
        except DocumentNotFound as gone:
            yield f"data: {json.dumps(body_of(str(gone), Fault(404, INVALID, 'document_not_found')))}\n\n"
            return
        shown = document_out(document, record).model_dump_json()
        if shown != last:
            yield f"data: {shown}\n\n"
            last, silent = shown, 0.0
        elif silent >= _PING_AFTER_S:
            yield ": still working\n\n"
            silent = 0.0
        if document.status in (DocumentStatus.READY, DocumentStatus.FAILED):
            return
        await asyncio.sleep(_WATCH_EVERY_S)
        silent += _WATCH_EVERY_S
