"""Documents of an assistant: upload, watch, inspect, replace, delete, search."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, StreamingResponse

from knowledge.base import KnowledgeBase, search
from knowledge.documents import DocumentStatus
from knowledge.errors import DocumentNotFound
from service.access import CitingDesk, Desk, EditorDesk, TheInstallation, ViewerDesk
from service.errors import INVALID, Fault, body_of
from service.routes.document_shapes import (
    DocumentOut,
    PageOut,
    ReceiptOut,
    SearchIn,
    SearchOut,
    document_out,
    passage_out,
    receipt_out,
)
from service.routes.shapes import Listing, PageWindow, errors
from service.uploads import take_in

router = APIRouter(prefix="/api/assistants/{slug}", tags=["documents"])

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
                    "properties": {"file": {"type": "string", "format": "binary"}},
                },
                "example": {"file": "handbook.pdf"},
            }
        },
    }
}


@router.post("/documents", status_code=202, openapi_extra=_UPLOAD_BODY, responses=errors(400, 404, 413, 415))
async def upload_document(request: Request, here: TheInstallation, desk: EditorDesk) -> DocumentOut:
    """Upload a file. It is read behind; watch `status` or `…/events`.

    A file with the name of one that is there replaces it in place: the old content answers until
    the new one is ready, and only changed chunks are embedded again.
    """
    return document_out(await take_in(request, here, desk, name=None))


@router.put(
    "/documents/{document_id}",
    status_code=202,
    openapi_extra=_UPLOAD_BODY,
    responses=errors(400, 404, 413, 415),
)
async def replace_document(
    request: Request, here: TheInstallation, desk: EditorDesk, document_id: str
) -> DocumentOut:
    """Give a document new content under its old name, in place."""
    document = await to_thread.run_sync(desk.base.document, document_id)
    return document_out(await take_in(request, here, desk, name=document.name))


@router.get("/documents", responses=errors(404))
def list_documents(desk: ViewerDesk, window: PageWindow) -> Listing[DocumentOut]:
    """The documents of the assistant's knowledge."""
    found = desk.base.documents(
        limit=window.limit + 1, after=window.after, before=window.before, order=window.order
    )
    backwards = window.before is not None and window.after is None
    page = found[-window.limit :] if backwards else found[: window.limit]
    return Listing(
        data=[document_out(document) for document in page],
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(found) > window.limit,
    )


@router.get("/documents/{document_id}", responses=errors(404))
def get_document(desk: ViewerDesk, document_id: str) -> DocumentOut:
    """One document, with its status and progress."""
    return document_out(_holder(desk, document_id).document(document_id))


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
async def watch_document(desk: ViewerDesk, document_id: str) -> StreamingResponse:
    """Follow the reading of a document until it is ready or failed."""
    base = await to_thread.run_sync(_holder, desk, document_id)
    return StreamingResponse(_changes(base, document_id), media_type="text/event-stream")


@router.get(
    "/documents/{document_id}/file",
    responses=errors(404) | {200: {"content": {"application/octet-stream": {"example": "%PDF-1.7 …"}}}},
    response_class=FileResponse,
)
def get_original(desk: CitingDesk, document_id: str) -> FileResponse:
    """The file as it was uploaded."""
    base = _holder(desk, document_id)
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
def get_page(desk: CitingDesk, document_id: str, number: int) -> PageOut:
    """The text of one page (slide, sheet), counted from 1."""
    page = _holder(desk, document_id).page(document_id, number)
    return PageOut(number=page.number, label=page.label, text=page.text)


@router.delete("/documents/{document_id}", responses=errors(404))
def delete_document(here: TheInstallation, desk: EditorDesk, document_id: str) -> ReceiptOut:
    """Delete a document: its file, pages, chunks, postings, vectors, and its text in stored answers."""
    receipt = _holder(desk, document_id).remove(document_id)
    answers = here.store.conversations.forget_document(desk.caller.team.id, document_id)
    here.store.database.forget_deleted()
    return receipt_out(receipt, answers)


@router.post("/search", responses=errors(404))
def search_documents(desk: EditorDesk, body: SearchIn) -> SearchOut:
    """Passages for a question with the scores of each stage, and what the relevance floor cut."""
    found = search(desk.bases, body.query, k=body.k)
    return SearchOut(
        query=found.query,
        passages=[passage_out(passage) for passage in found.passages],
        below_floor=[passage_out(passage) for passage in found.below_floor],
        answerability=found.answerability,
        weights=found.weights,
        took_ms=round(found.took_ms, 3),
    )


def _holder(desk: Desk, document_id: str) -> KnowledgeBase:
    """The assistant's base that holds the document. Raises DocumentNotFound."""
    for base in desk.bases[:-1]:
        with suppress(DocumentNotFound):
            base.document(document_id)
            return base
    desk.bases[-1].document(document_id)
    return desk.bases[-1]


async def _changes(base: KnowledgeBase, document_id: str) -> AsyncIterator[str]:
    last, silent = None, 0.0
    while True:
        try:
            document = await to_thread.run_sync(base.document, document_id)
        except DocumentNotFound as gone:
            yield f"data: {json.dumps(body_of(str(gone), Fault(404, INVALID, 'document_not_found')))}\n\n"
            return
        shown = document_out(document).model_dump_json()
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
