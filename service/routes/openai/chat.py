"""POST /v1/chat/completions: a question to an assistant."""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from service import faults
from service.access import TheInstallation, Viewer
from service.answering import AnswerDone, Event, Generation, RetrievalDone, TextDelta, ToolCallDelta
from service.errors import describe
from service.events import Decision, ToolEvent
from service.installation import Installation
from service.records import Role
from service.routes.openai.messages import question_of
from service.routes.openai.pump import Pump
from service.routes.openai.wire import Reply
from service.routes.shapes import errors
from service.turns import Asked, RunningTurn, prepared, prepared_rest

router = APIRouter(prefix="/v1", tags=["openai"])

# An error before this long comes with its own HTTP status; later the stream has begun.
_STATUS_WAIT_S = 3.0
_PARAMETERS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "response_format",
    "reasoning_effort",
    "parallel_tool_calls",
)


class StreamOptions(BaseModel):
    """What a stream should hold besides the answer."""

    model_config = ConfigDict(extra="allow")
    include_usage: bool = False


class DecisionIn(BaseModel):
    """What the person says to a confirmation."""

    id: str = Field(description="The confirmation's id", examples=["conf_0123456789abcdef01234567"])
    decision: Decision = Field(description="once, always (do not ask again for this operation), or refuse")


class ChatIn(BaseModel):
    """A chat completion request. What Doumi does not know is accepted and left alone."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "model": "handbook",
                "messages": [{"role": "user", "content": "How many days of annual leave do I have?"}],
                "stream": False,
            }
        },
    )
    model: str = Field(description="An assistant's slug; slug@3 is its third version")
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(ge=1, le=1, description="Only one answer is made")] = 1
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    conversation: str | None = Field(
        None,
        description="Doumi keeps the history: “new”, or an id. Then `messages` carries the new question.",
    )
    ephemeral: bool = Field(
        False,
        description="Store nothing of this turn; a `conversation` is read as history and stays as it is",
    )
    confirmation: DecisionIn | None = Field(
        None,
        description="Go on with an answer that stopped for this confirmation: `messages` is not read then.",
    )
    trace: bool = Field(False, description="Tell editors how the answer came about")

    def asked(self) -> Asked:
        """What is asked of the assistant, and of its model."""
        given = self.model_extra or {}
        return Asked(
            model=self.model,
            question=question_of(self.messages),
            generation=Generation(
                tools=tuple(self.tools or ()),
                tool_choice=self.tool_choice,
                parameters={name: given[name] for name in _PARAMETERS if given.get(name) is not None},
            ),
            conversation=self.conversation or None,
            ephemeral=self.ephemeral,
        )


_EXAMPLE = {
    "id": "chatcmpl-0123456789abcdef01234567",
    "object": "chat.completion",
    "created": 1795478400,
    "model": "handbook",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Full-time employees have 18 days of annual leave in the fourth year [1].",
                "refusal": None,
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "url": "http://127.0.0.1:8000/view/handbook/doc_5f0c9f1d2b3a4c5d6e7f8091?page=5",
                            "title": "handbook.pdf, page 5",
                            "start_index": 69,
                            "end_index": 72,
                        },
                    }
                ],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920},
    "citations": [
        {
            "label": 1,
            "document": {"id": "doc_5f0c9f1d2b3a4c5d6e7f8091", "name": "handbook.pdf"},
            "page": 5,
            "locator": "page 5",
            "quote": "3 to 5 years of service | 18 days",
            "verdict": "supported",
            "start": 69,
            "end": 72,
            "url": "/view/handbook/doc_5f0c9f1d2b3a4c5d6e7f8091?page=5",
        }
    ],
    "retrieval": {
        "status": "used",
        "reason": None,
        "query": "How many days of annual leave do I have?",
        "passages": [],
        "answerability": 0.9,
        "took_ms": 4.1,
    },
    "actions": [],
}


@router.post(
    "/chat/completions",
    response_model=None,
    responses=errors(400, 404, 409, 429, 502, 503, 504)
    | {
        200: {
            "description": "The answer; with `stream: true` server-sent events of chunks",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
                "text/event-stream": {
                    "example": 'data: {"object": "chat.completion.chunk", …}\n\ndata: [DONE]\n\n'
                },
            },
        }
    },
)
async def chat(here: TheInstallation, caller: Viewer, body: ChatIn) -> JSONResponse | StreamingResponse:
    """Ask an assistant. The answer cites the team's files; `retrieval` says what was searched, or why not."""
    said = body.confirmation
    turn = (
        await prepared_rest(here, caller, said.id, said.decision, model=body.model)
        if said
        else await prepared(here, caller, body.asked())
    )
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    return await sent(here, turn, stream=bool(body.stream), with_usage=with_usage, with_trace=body.trace)


async def sent(
    here: Installation, turn: RunningTurn, *, stream: bool, with_usage: bool = False, with_trace: bool = False
) -> JSONResponse | StreamingResponse:
    """A running turn as a chat completion; a trace is for editors only."""
    with_trace = with_trace and turn.desk.caller.role.covers(Role.EDITOR)
    reply = Completion(turn, here.settings.url, with_trace=with_trace)
    if not stream:
        return JSONResponse(await reply.whole(), headers=turn.allowance.headers)
    pump = Pump(turn.events())
    await pump.settle(_STATUS_WAIT_S)
    return StreamingResponse(
        reply.stream(pump, with_usage),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"} | turn.allowance.headers,
    )


class Completion:
    """A running turn in the shapes of a chat completion."""

    def __init__(self, turn: RunningTurn, base_url: str, *, with_trace: bool) -> None:
        self._turn = turn
        self._with_trace = with_trace
        self._reply = Reply(
            id=f"chatcmpl-{secrets.token_hex(12)}",
            created=int(time.time()),
            model=turn.model,
            slug=turn.desk.assistant.slug,
            base_url=base_url,
            conversation=turn.conversation,
            shows_sources=turn.shows_sources,
        )

    async def whole(self) -> dict[str, Any]:
        """The reply as one body."""
        done = await self._turn.whole()
        return self._reply.whole(done, self._turn.tool_calls) | self._trace(done)

    async def stream(self, pump: Pump, with_usage: bool) -> AsyncGenerator[str]:
        """The reply as server-sent events; an error in the middle is an event of its own."""
        try:
            async with aclosing(pump.events()) as events:
                async for event in events:
                    if event is None:
                        yield ": still thinking\n\n"
                        continue
                    for chunk in self._chunks(event, with_usage):
                        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
        except Exception as error:
            _, problem = describe(error, faults.TABLE)
            yield f"data: {json.dumps(problem, ensure_ascii=False)}\n\n"
        yield "data: [DONE]\n\n"

    def _chunks(self, event: Event, with_usage: bool) -> list[dict[str, Any]]:
        if isinstance(event, RetrievalDone):
            return [self._reply.first(event.retrieval)]
        if isinstance(event, TextDelta):
            return [self._reply.text(event.text)]
        if isinstance(event, ToolCallDelta):
            return [self._reply.tool_call(event)]
        if isinstance(event, ToolEvent):
            return [self._reply.tool_event(event)]
        if isinstance(event, AnswerDone):
            last = self._reply.last(event) | self._trace(event)
            return [last, self._reply.usage(event.usage)] if with_usage else [last]
        return []  # what this wire has no word for

    def _trace(self, done: AnswerDone) -> dict[str, Any]:
        return {"trace": asdict(done.trace)} if self._with_trace else {}
