"""/v1/responses: OpenAI's Responses API."""

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict

from service.access import TheInstallation, Viewer
from service.background import Run
from service.events import Decision
from service.installation import Installation
from service.records import Caller, ResponseStatus, StoredResponse
from service.routes.openai.items import APPROVAL, input_items, messages_of, question_from
from service.routes.openai.narrator import told_again
from service.routes.openai.pump import Pump
from service.routes.openai.responding import Responding
from service.routes.openai.response_shapes import EXAMPLE, ResponseIn, UnusableRequest
from service.routes.shapes import PageWindow, errors
from service.store.pages import CursorNotFound, Window
from service.store.responses import new_response_id
from service.turns import Asked, prepare, prepare_rest

router = APIRouter(prefix="/v1/responses", tags=["openai"])

_STATUS_WAIT_S = 3.0  # an error before this long comes with its own HTTP status
_GONE_ON_FROM = (ResponseStatus.COMPLETED, ResponseStatus.INCOMPLETE)
_RUNNING = (ResponseStatus.QUEUED, ResponseStatus.IN_PROGRESS)

_REPLY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The response; with `stream: true` its events",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": EXAMPLE},
            "text/event-stream": {
                "example": 'event: response.created\ndata: {"type": "response.created", …}\n\n'
            },
        },
    }
}
_ITEM_EXAMPLE: dict[str, Any] = {
    "id": "msg_0123456789abcdef01234567",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_text", "text": "How many days of annual leave do I have?"}],
}

Strict = Annotated[
    str | None,
    Header(
        alias="x-doumi-strict",
        description="“true”: only what OpenAI's published schema knows; citations are `url_citation`",
    ),
]


class ResponseDeletedOut(BaseModel):
    """A response that is gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": "resp_0123456789abcdef01234567", "object": "response", "deleted": True}
        }
    )
    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class ItemsOut(BaseModel):
    """A page of items."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [_ITEM_EXAMPLE],
                "first_id": _ITEM_EXAMPLE["id"],
                "last_id": _ITEM_EXAMPLE["id"],
                "has_more": False,
            }
        }
    )
    object: Literal["list"] = "list"
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


@router.post("", response_model=None, responses=errors(400, 404, 429, 502, 503, 504) | _REPLY)
async def create_response(
    here: TheInstallation, caller: Viewer, body: ResponseIn, x_doumi_strict: Strict = None
) -> JSONResponse | StreamingResponse:
    """Ask an assistant. What was searched is a `file_search_call`, what is cited an annotation."""
    asked_for = (x_doumi_strict or "").lower()
    strict = asked_for in ("1", "true") if asked_for else here.settings.strict_openai
    responding = await to_thread.run_sync(_prepare, here, caller, body, strict)
    if body.background:
        return await _in_background(here, caller, body, responding)
    left = responding.turn.allowance.headers
    if not body.stream:
        return JSONResponse(await responding.whole(), headers=left)
    pump = Pump(responding.turn.events())
    await pump.settle(_STATUS_WAIT_S)
    return _streamed(responding.stream(pump.events()), left)


@router.post("/compact", include_in_schema=False)
async def compact(caller: Viewer) -> None:
    """Not offered: earlier turns are cut to what fits when they are sent to the model."""
    raise HTTPException(404, "Responses are not compacted here; send the items, or previous_response_id.")


@router.get("/{response_id}", response_model=None, responses=errors(400, 404) | _REPLY)
async def get_response(
    here: TheInstallation,
    caller: Viewer,
    response_id: str,
    stream: bool = False,
    starting_after: Annotated[
        int | None, Query(description="With `stream`: only events behind this sequence number")
    ] = None,
) -> JSONResponse | StreamingResponse:
    """A stored response; with `stream=true` its events are told again, or followed while they come."""
    stored = await to_thread.run_sync(here.store.responses.get, caller, response_id)
    if not stream:
        return JSONResponse(stored.body)
    run = here.background.run(response_id)
    if run is None and stored.status in _RUNNING:  # it ended between the two looks
        stored = await to_thread.run_sync(here.store.responses.get, caller, response_id)
    events = run.follow() if run else _again(told_again(stored.body, stored.pieces))
    return _streamed(_behind(events, starting_after))


@router.delete("/{response_id}", responses=errors(404))
async def delete_response(here: TheInstallation, caller: Viewer, response_id: str) -> ResponseDeletedOut:
    """Delete a stored response; one that is still being made is stopped."""
    await to_thread.run_sync(here.store.responses.delete, caller, response_id)
    await here.background.cancel(response_id)
    await to_thread.run_sync(here.store.database.forget_deleted)
    return ResponseDeletedOut(id=response_id)


@router.post("/{response_id}/cancel", response_model=None, responses=errors(400, 404) | _REPLY)
async def cancel_response(here: TheInstallation, caller: Viewer, response_id: str) -> JSONResponse:
    """Stop a background response. One that has ended is returned as it is."""
    stored = await to_thread.run_sync(here.store.responses.get, caller, response_id)
    if not stored.body.get("background"):
        raise UnusableRequest("Only a response that was created with “background: true” can be cancelled.")
    if stored.status in _RUNNING:
        await to_thread.run_sync(here.store.responses.finish, caller, _cancelled(stored))
        await here.background.cancel(response_id)
    stored = await to_thread.run_sync(here.store.responses.get, caller, response_id)
    return JSONResponse(stored.body)


@router.get("/{response_id}/input_items", responses=errors(400, 404))
def list_input_items(here: TheInstallation, caller: Viewer, response_id: str, window: PageWindow) -> ItemsOut:
    """What was sent with the request, newest first unless `order=asc`."""
    return items_page(here.store.responses.get(caller, response_id).input, window)


def items_page(items: Iterable[dict[str, Any]], window: Window) -> ItemsOut:
    """One page of items that stand in their order. Raises CursorNotFound."""
    ordered = list(items) if window.order == "asc" else list(items)[::-1]
    ids = [item["id"] for item in ordered]
    for cursor in (window.after, window.before):
        if cursor is not None and cursor not in ids:
            raise CursorNotFound(
                f"No item {cursor!r} in this list; take first_id or last_id of another page."
            )
    start = ids.index(window.after) + 1 if window.after else 0
    end = ids.index(window.before) if window.before else len(ids)
    if window.before and not window.after:
        start = max(0, end - window.limit)
    page = ordered[start : min(end, start + window.limit)]
    more = start > 0 if window.before and not window.after else start + len(page) < end
    return ItemsOut(
        data=page,
        first_id=page[0]["id"] if page else None,
        last_id=page[-1]["id"] if page else None,
        has_more=more,
    )


def _prepare(here: Installation, caller: Caller, body: ResponseIn, strict: bool) -> Responding:
    body.check()
    items = input_items(body.input)
    approval = next((item for item in reversed(items) if item["type"] == APPROVAL), None)
    if approval:
        decision = Decision.ONCE if approval["approve"] else Decision.REFUSE
        rest = prepare_rest(here, caller, approval["approval_request_id"], decision, model=body.model)
        return Responding(here, rest, body, items, id=new_response_id(), strict=strict)
    earlier: list[dict[str, Any]] = []
    if body.previous_response_id:
        chain = here.store.responses.chain(caller, body.previous_response_id)
        if chain[-1].status not in _GONE_ON_FROM:
            raise UnusableRequest(
                f"The response {body.previous_response_id!r} is {chain[-1].status}: "
                "go on from a completed one."
            )
        earlier = [item for one in chain for item in (*one.input, *one.body["output"])]
    conversation = body.conversation_id
    question = question_from(messages_of([*earlier, *items]), kept=conversation is not None)
    asked = Asked(
        model=body.model,
        question=question.told(body.instructions),
        generation=body.generation(),
        search=body.search(),
        conversation=conversation,
        says_only_new=True,
    )
    turn = prepare(here, caller, asked)
    return Responding(here, turn, body, items, id=new_response_id(), strict=strict)


async def _in_background(
    here: Installation, caller: Caller, body: ResponseIn, responding: Responding
) -> JSONResponse | StreamingResponse:
    here.seats.check()
    stored = responding.stored(ResponseStatus.IN_PROGRESS)
    await to_thread.run_sync(here.store.responses.add, caller, responding.turn.desk.assistant.id, stored)
    queued = responding.body | {"status": ResponseStatus.QUEUED}
    run = Run()
    here.background.start(responding.id, run, responding.alone(run))
    left = responding.turn.allowance.headers
    return _streamed(run.follow(), left) if body.stream else JSONResponse(queued, headers=left)


def _cancelled(stored: StoredResponse) -> StoredResponse:
    body = stored.body | {"status": ResponseStatus.CANCELLED}
    return StoredResponse(
        id=stored.id,
        status=ResponseStatus.CANCELLED,
        body=body,
        input=stored.input,
        previous_id=stored.previous_id,
        created_at=stored.created_at,
    )


def _streamed(
    events: AsyncGenerator[dict[str, Any] | None], left: Mapping[str, str] | None = None
) -> StreamingResponse:
    return StreamingResponse(
        _lines(events),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **(left or {})},
    )


async def _lines(events: AsyncGenerator[dict[str, Any] | None]) -> AsyncGenerator[str]:
    async for event in events:
        if event is None:
            yield ": still thinking\n\n"
        else:
            yield f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"


async def _again(events: list[dict[str, Any]]) -> AsyncGenerator[dict[str, Any] | None]:
    for event in events:
        yield event


async def _behind(
    events: AsyncGenerator[dict[str, Any] | None], number: int | None
) -> AsyncGenerator[dict[str, Any] | None]:
    async for event in events:
        if event is None or number is None or event["sequence_number"] > number:
            yield event
