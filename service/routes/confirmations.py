"""What answers wait for, and what the caller approved for always."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from service.access import TheInstallation, Viewer
from service.events import Decision
from service.records import Approval, StoredConfirmation
from service.routes.openai.chat import StreamOptions, sent
from service.routes.openai.playing import Decided
from service.routes.openai.running import TheRuns
from service.routes.openai.runs import decide_in_run, find_run
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.store.engine import now
from service.tools import in_words
from service.turns import prepared_rest

router = APIRouter(prefix="/api", tags=["confirmations"])

_EXAMPLE: dict[str, Any] = {
    "id": "conf_0123456789abcdef01234567",
    "object": "confirmation",
    "assistant": "shop",
    "conversation": "conv_0123456789abcdef01234567",
    "turn": "turn_0123456789abcdef01234567",
    "status": "waiting",
    "action": "call_0123456789abcdef01234567",
    "name": "placeOrder",
    "method": "POST",
    "host": "api.example.com",
    "path": "/orders",
    "arguments": {"item": "tea", "count": 2},
    "why": "consequential",
    "carries": None,
    "decisions": ["once", "always", "refuse"],
    "created_at": 1795478400,
    "expires_at": 1795482000,
    "url": "/api/confirmations/conf_0123456789abcdef01234567",
}


class ConfirmationOut(BaseModel):
    """A question to the caller: may exactly this be done?"""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["confirmation"] = "confirmation"
    assistant: str = Field(description="As the client named it")
    conversation: str | None
    turn: str | None = Field(description="The stored turn that goes on when it is decided")
    run: dict[str, str] | None = Field(None, description="The run of a thread that goes on, else null")
    status: str = Field(description="waiting, once, always, refuse or expired")
    action: str
    name: str
    method: str
    host: str
    path: str
    arguments: dict[str, Any] = Field(description="Exactly what would be sent")
    why: str = Field(description="consequential, or carries_text: text that was read would be sent along")
    carries: str | None = Field(description="A stretch of that text")
    decisions: list[str]
    created_at: int
    expires_at: int
    url: str


class DecideIn(BaseModel):
    """The caller's answer, and how the rest should come."""

    model_config = ConfigDict(json_schema_extra={"example": {"decision": "once", "stream": False}})
    decision: Decision = Field(description="once, always (do not ask again for this operation), or refuse")
    stream: bool = False
    stream_options: StreamOptions | None = None
    trace: bool = Field(False, description="Tell editors how the answer came about")


class ApprovalOut(BaseModel):
    """An operation that the caller approved for always, with one assistant."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "appr_0123456789abcdef01234567",
                "object": "approval",
                "assistant": "shop",
                "operation": "placeOrder POST api.example.com",
                "created_at": 1795478400,
            }
        }
    )
    id: str
    object: Literal["approval"] = "approval"
    assistant: str
    operation: str
    created_at: int


_REST = {
    "id": "chatcmpl-0123456789abcdef01234567",
    "object": "chat.completion",
    "created": 1795478460,
    "model": "shop",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Order 7 is placed.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "actions": [{"id": "call_0123456789abcdef01234567", "name": "placeOrder", "status": "done"}],
}


@router.get("/confirmations", responses=errors(400))
def list_confirmations(
    here: TheInstallation,
    caller: Viewer,
    window: PageWindow,
    conversation: Annotated[str | None, Query(description="Only those of this conversation")] = None,
) -> Listing[ConfirmationOut]:
    """What waits for the caller, newest first."""
    found, more = here.store.confirmations.page(caller, window, conversation=conversation)
    return Listing(
        data=[_confirmation(each) for each in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.get("/confirmations/{confirmation_id}", responses=errors(404))
def get_confirmation(here: TheInstallation, caller: Viewer, confirmation_id: str) -> ConfirmationOut:
    """One question, with what was decided."""
    return _confirmation(here.store.confirmations.get(caller, confirmation_id))


@router.post(
    "/confirmations/{confirmation_id}",
    response_model=None,
    responses=errors(404, 409, 429, 502, 503, 504)
    | {
        200: {
            "description": "The rest of the answer as a chat completion; with `stream: true` as its chunks. "
            "Where a run of a thread waits, that run, which goes on, or its events",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _REST},
                "text/event-stream": {
                    "example": 'data: {"object": "chat.completion.chunk", …}\n\ndata: [DONE]\n\n'
                },
            },
        }
    },
)
async def decide(
    here: TheInstallation, caller: Viewer, runs: TheRuns, confirmation_id: str, body: DecideIn
) -> dict[str, Any] | JSONResponse | StreamingResponse:
    """Approve or refuse, once; the answer goes on from where it stopped."""
    found = await to_thread.run_sync(here.store.confirmations.get, caller, confirmation_id)
    if found.call.get("run"):
        run = await find_run(here, caller, runs, found.call["run"]["thread_id"], found.call["run"]["id"])
        decided = Decided(confirmation_id=confirmation_id, decision=body.decision)
        return await decide_in_run(here, caller, runs, run, decided, stream=body.stream)
    turn = await prepared_rest(here, caller, confirmation_id, body.decision)
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    return await sent(here, turn, stream=body.stream, with_usage=with_usage, with_trace=body.trace)


@router.get("/approvals", responses=errors(400))
def list_approvals(here: TheInstallation, caller: Viewer, window: PageWindow) -> Listing[ApprovalOut]:
    """What the caller approved for always, newest first."""
    found, more = here.store.confirmations.approvals(caller, window)
    return Listing(
        data=[_approval(each) for each in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.delete("/approvals/{approval_id}", status_code=204, responses=errors(404), response_class=Response)
def withdraw_approval(here: TheInstallation, caller: Viewer, approval_id: str) -> None:
    """Be asked about this operation again."""
    here.store.confirmations.withdraw(caller, approval_id)


def _confirmation(found: StoredConfirmation) -> ConfirmationOut:
    waits = "expired" if found.expires_at <= now() else "waiting"
    return ConfirmationOut(
        **found.call,
        assistant=found.model,
        conversation=found.conversation_id,
        turn=found.turn_id,
        status=found.decision or waits,
        created_at=seconds(found.created_at),
    )


def _approval(found: Approval) -> ApprovalOut:
    return ApprovalOut(
        id=found.id,
        assistant=found.assistant,
        operation=in_words(found.operation),
        created_at=seconds(found.created_at),
    )
