"""A running turn as a response of OpenAI's Responses API: told as events, kept as a body."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread

from service import faults
from service.answering import (
    AnswerDone,
    Event,
    RetrievalDone,
    RetrievalStatus,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from service.background import Run
from service.errors import describe
from service.installation import Installation
from service.records import ResponseStatus, StoredResponse
from service.routes.openai.items import approval_item, file_citation, search_item
from service.routes.openai.narrator import Narrator
from service.routes.openai.response_shapes import ResponseIn
from service.shown import action_out, retrieval_out
from service.turns import RunningTurn

RESULTS = "file_search_call.results"
_ENDS: dict[str, dict[str, Any]] = {
    "length": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    "content_filter": {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
}


class Responding:
    """One response in the making."""

    def __init__(
        self,
        here: Installation,
        turn: RunningTurn,
        request: ResponseIn,
        items: Sequence[dict[str, Any]],
        *,
        id: str,
        strict: bool,
    ) -> None:
        self.id = id
        self.turn = turn
        self._here = here
        self._request = request
        self._items = list(items)
        self._strict = strict
        self._key = turn.id.removeprefix("turn_")
        self._calls = 0
        self._call_ids: dict[int, str] = {}  # index of a call in the model's reply -> item id
        self._before = sum(
            len(message.get("tool_calls") or ()) + (message["role"] == "tool")
            for message in turn.question.tool_messages
        )
        self._narrator = Narrator(request.skeleton(id, strict=strict, conversation=turn.conversation))

    @property
    def body(self) -> dict[str, Any]:
        """The response as it is now."""
        return self._narrator.body

    async def whole(self) -> dict[str, Any]:
        """The finished response. Raises what the answer raises; then nothing is stored."""
        self._narrator.begins()
        async with aclosing(self.turn.events()) as events:
            async for event in events:
                await self._told(event)
        return self.body

    async def stream(self, source: AsyncGenerator[Event | None]) -> AsyncGenerator[dict[str, Any] | None]:
        """The events as they come; an error in the middle ends them with `response.failed`."""
        for told in self._narrator.begins():
            yield told
        try:
            async with aclosing(source) as events:
                async for event in events:
                    if event is None:
                        yield None
                        continue
                    for told in await self._told(event):
                        yield told
        except Exception as error:
            for told in self._narrator.stops(_failed(error)):
                yield told

    async def alone(self, run: Run) -> None:
        """The whole way in the background: `run` is told, and the stored response is finished."""
        run.tell(self._narrator.begins())
        try:
            async with aclosing(self.turn.events()) as events:
                async for event in events:
                    run.tell(await self._told(event))
        except Exception as error:
            events_of_end = self._narrator.stops(_failed(error))
            await to_thread.run_sync(self._finish, ResponseStatus.FAILED, ())
            run.tell(events_of_end)

    def stored(self, status: ResponseStatus, documents: Sequence[str] = ()) -> StoredResponse:
        """The response as the store keeps it."""
        return StoredResponse(
            id=self.id,
            status=status,
            body=self.body | {"status": status},
            input=self._items,
            previous_id=self._request.previous_response_id,
            created_at=datetime.fromtimestamp(self.body["created_at"], UTC),
            pieces=self._narrator.pieces,
            documents=list(documents),
        )

    async def _told(self, event: Event) -> list[dict[str, Any]]:
        if isinstance(event, RetrievalDone):
            return await to_thread.run_sync(self._searched, event)
        if isinstance(event, TextDelta):
            return self._narrator.text(f"msg_{self._key}_a", event.text)
        if isinstance(event, ToolCallDelta):
            return self._called(event)
        if isinstance(event, AnswerDone):
            return await self._done(event)
        return []  # what this wire has no word for

    def _searched(self, event: RetrievalDone) -> list[dict[str, Any]]:
        found = event.retrieval
        if self._strict or found.status is RetrievalStatus.SKIPPED:
            return []
        shown = self.turn.shows_sources and RESULTS in (self._request.include or ())
        passages = [each.passage for each in found.passages] if shown else []
        ids = self.turn.file_ids(passage.document_id for passage in passages)
        results = [
            {
                "file_id": ids[passage.document_id],
                "filename": passage.document_name,
                "score": round(min(1.0, max(0.0, passage.relevance)), 4),
                "text": passage.chunk.text,
                "attributes": self.turn.attributes(passage.document_id),
                "page": passage.chunk.page,
                "locator": passage.chunk.locator,
            }
            for passage in passages
        ]
        query = found.query or self.turn.question.text
        return self._narrator.searched(search_item(f"fs_{self._key}", [query], results if shown else None))

    def _called(self, delta: ToolCallDelta) -> list[dict[str, Any]]:
        if delta.index not in self._call_ids:
            self._call_ids[delta.index] = f"fc_{self._key}_{self._before + len(self._call_ids)}"
        item_id = self._call_ids[delta.index]
        return self._narrator.call(item_id, delta.id or item_id, delta.name or "", delta.arguments)

    async def _done(self, done: AnswerDone) -> list[dict[str, Any]]:
        citations = await to_thread.run_sync(self.turn.citations, done)
        end = {"status": "completed", **_ENDS.get(done.finish_reason, {})}
        end |= {"usage": _usage(done.usage), "completed_at": int(time.time())}
        if end["status"] == "incomplete":
            end["completed_at"] = None
        if not self._strict and self.turn.shows_sources:
            end["retrieval"] = retrieval_out(done.retrieval)
        waits: list[dict[str, Any]] = []
        if not self._strict:
            end["actions"] = [action_out(call) for call in done.calls]
            if done.confirmation is not None:
                asked = done.confirmation
                waits = self._narrator.aside(approval_item(asked, asked.preview.host or "doumi"))
        events = waits + self._narrator.ends(
            f"msg_{self._key}_a",
            [self._annotation(each) for each in citations if each["url"] or not self._strict],
            end,
        )
        if self._request.store is not False:
            documents = {each["document"]["id"] for each in citations} | {
                each.passage.document_id for each in done.retrieval.passages
            }
            await to_thread.run_sync(self._finish, ResponseStatus(end["status"]), tuple(documents), done)
        return events

    def _annotation(self, citation: Mapping[str, Any]) -> dict[str, Any]:
        if not self._strict:
            return file_citation(citation)
        return {
            "type": "url_citation",
            "url": self._here.settings.url + citation["url"],
            "title": f"{citation['document']['name']}, {citation['locator']}",
            "start_index": citation["start"],
            "end_index": citation["end"],
        }

    def _finish(
        self, status: ResponseStatus, documents: Sequence[str], done: AnswerDone | None = None
    ) -> None:
        store, desk = self._here.store.responses, self.turn.desk
        response = self.stored(status, documents)
        if self._request.background:
            store.finish(desk.caller, response)
        else:
            store.add(desk.caller, desk.assistant.id, response)
        if done:
            self.turn.forget_deleted(done)


def _failed(error: Exception) -> dict[str, Any]:
    _, problem = describe(error, faults.TABLE)
    said = problem["error"]
    return {"status": "failed", "error": {"code": said["code"], "message": said["message"]}}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }
