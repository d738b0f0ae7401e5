"""POST /v1/chat/completions: a question to an assistant."""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from knowledge.errors import DocumentNotFound
from service import faults
from service.access import Desk, TheInstallation, Viewer, desk_of, find_assistant
from service.answering import (
    AnswerDone,
    Event,
    Exchange,
    Generation,
    Question,
    RetrievalDone,
    Setup,
    TextDelta,
    ToolCallDelta,
    answer,
)
from service.errors import describe
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Caller, Role
from service.routes.openai.messages import question_of
from service.routes.openai.pump import Pump
from service.routes.openai.wire import Reply, retrieval_out
from service.routes.shapes import errors
from service.store.conversations import new_conversation_id, new_turn

router = APIRouter(prefix="/v1", tags=["openai"])

# An error before this long comes with its own HTTP status; later the stream has begun.
_STATUS_WAIT_S = 3.0
_NEW = "new"
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
    trace: bool = Field(False, description="Tell editors how the answer came about")

    def generation(self) -> Generation:
        """What is asked of the model itself."""
        given = self.model_extra or {}
        return Generation(
            tools=tuple(self.tools or ()),
            tool_choice=self.tool_choice,
            parameters={name: given[name] for name in _PARAMETERS if given.get(name) is not None},
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
}


@router.post(
    "/chat/completions",
    response_model=None,
    responses=errors(400, 404, 429, 502, 503, 504)
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
    turn = await to_thread.run_sync(_prepare, here, caller, body)
    events = answer(turn.question, turn.setup, body.generation())
    if not body.stream:
        return JSONResponse(await turn.whole(events))
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    pump = Pump(events)
    await pump.settle(_STATUS_WAIT_S)
    return StreamingResponse(
        turn.stream(pump, with_usage),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


class ChatTurn:
    """A question on its way to an answer, and the answer on its way to the client and the store."""

    def __init__(
        self, here: Installation, desk: Desk, question: Question, setup: Setup, body: ChatIn
    ) -> None:
        self.question = question
        self.setup = setup
        self._here = here
        self._desk = desk
        self._new = body.conversation == _NEW
        self._conversation = new_conversation_id() if self._new else body.conversation
        self._with_trace = body.trace and desk.caller.role.covers(Role.EDITOR)
        self._reply = Reply(
            id=f"chatcmpl-{secrets.token_hex(12)}",
            created=int(time.time()),
            model=body.model,
            slug=desk.assistant.slug,
            base_url=here.settings.url,
            conversation=self._conversation,
        )

    async def whole(self, events: AsyncGenerator[Event]) -> dict[str, Any]:
        """The reply as one body."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    self._reply.tool_call(event)
                elif isinstance(event, AnswerDone):
                    await self._keep(event)
                    return self._reply.whole(event) | self._trace(event)
        raise RuntimeError("an answer ended without AnswerDone")

    async def stream(self, pump: Pump, with_usage: bool) -> AsyncGenerator[str]:
        """The reply as server-sent events; an error in the middle is an event of its own."""
        try:
            async with aclosing(pump.events()) as events:
                async for event in events:
                    if event is None:
                        yield ": still thinking\n\n"
                        continue
                    if isinstance(event, AnswerDone):
                        await self._keep(event)
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
        last = self._reply.last(event) | self._trace(event)
        return [last, self._reply.usage(event.usage)] if with_usage else [last]

    def _trace(self, done: AnswerDone) -> dict[str, Any]:
        return {"trace": asdict(done.trace)} if self._with_trace else {}

    async def _keep(self, done: AnswerDone) -> None:
        """Store the turn, whole; a conversation of the server's is the only thing that is kept."""
        if self._conversation and not self.question.tool_messages and done.finish_reason != "tool_calls":
            await to_thread.run_sync(self._store, done, self._conversation)

    def _store(self, done: AnswerDone, conversation: str) -> None:
        kept = new_turn(
            question=self.question.text,
            answer=done.text,
            citations=self._reply.citations(done),
            retrieval=retrieval_out(done.retrieval),
            model=self.setup.model.name,
        )
        store, caller = self._here.store.conversations, self._desk.caller
        store.add_turn(caller, self._desk.assistant.id, conversation, kept, new=self._new)
        # A document that was deleted while the answer was made must not live on in it.
        for document in {citation.document_id for citation in done.citations} | {
            offered.passage.document_id for offered in done.retrieval.passages
        }:
            if not self._exists(document):
                store.forget_document(caller.team.id, document)

    def _exists(self, document_id: str) -> bool:
        for base in self._desk.bases:
            with suppress(DocumentNotFound):
                base.document(document_id)
                return True
        return False


def _prepare(here: Installation, caller: Caller, body: ChatIn) -> ChatTurn:
    """Everything that reads the records, before anything is asked."""
    assistant = find_assistant(here, caller, body.model)
    history: tuple[Exchange, ...] | None = None
    if body.conversation == _NEW:
        history = ()
    elif body.conversation:
        turns = here.store.conversations.turns(caller, body.conversation)
        history = tuple(Exchange(question=turn.question, answer=turn.answer) for turn in turns)
    question = question_of(body.messages, history)
    instruction = instruction_of(assistant)
    desk = desk_of(here, caller, assistant)
    setup = Setup(
        name=assistant.name,
        instruction=instruction,
        bases=desk.bases,
        model=here.model(instruction.front.model),
        budget_tokens=here.settings.context_tokens,
    )
    return ChatTurn(here, desk, question, setup, body)
