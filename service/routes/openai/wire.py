"""An answer in OpenAI's shapes, with Doumi's own fields beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.answering import AnswerDone, Retrieval, ToolCallDelta, Usage
from service.events import ToolEvent, ToolWaiting
from service.shown import (
    action_out,
    citations_out,
    confirmation_out,
    path_of,
    retrieval_out,
    tool_event_out,
    usage_out,
)


@dataclass(kw_only=True)
class Reply:
    """One chat completion on the wire; chunks and the whole reply share its id."""

    id: str
    created: int  # Unix seconds
    model: str  # as the client named it
    slug: str
    base_url: str  # of the page, without a slash at the end
    conversation: str | None = None
    shows_sources: bool = True  # whether the caller may know which documents were found

    def first(self, retrieval: Retrieval) -> dict[str, Any]:
        """The chunk that carries the role, and what was retrieved."""
        more: dict[str, Any] = {"retrieval": retrieval_out(retrieval, named=self.shows_sources)}
        if self.conversation:
            more["conversation"] = self.conversation
        return self._chunk({"role": "assistant", "content": ""}) | more

    def text(self, text: str) -> dict[str, Any]:
        """A chunk with a piece of the answer."""
        return self._chunk({"content": text})

    def tool_call(self, delta: ToolCallDelta) -> dict[str, Any]:
        """A chunk with a piece of a call of the client's own tool."""
        piece: dict[str, Any] = {"index": delta.index, "function": {"arguments": delta.arguments}}
        if delta.id:
            piece |= {"id": delta.id, "type": "function"}
        if delta.name:
            piece["function"]["name"] = delta.name
        return self._chunk({"tool_calls": [piece]})

    def tool_event(self, event: ToolEvent) -> dict[str, Any]:
        """A chunk that says nothing, with what becomes of a call of the server's own tools beside it."""
        chunk = self._chunk({}) | {"action": tool_event_out(event)}
        if isinstance(event, ToolWaiting):
            chunk["confirmation"] = confirmation_out(event.confirmation)
        return chunk

    def last(self, done: AnswerDone) -> dict[str, Any]:
        """The chunk that ends the choice; citations come with it."""
        delta: dict[str, Any] = {}
        if done.citations:
            delta["annotations"] = self._annotations(done)
        ended = self._chunk(delta, done.finish_reason) | {"citations": citations_out(done, self.slug)}
        return ended | _actions(done)

    def usage(self, usage: Usage) -> dict[str, Any]:
        """The chunk that a client asked for with `stream_options.include_usage`."""
        return self._frame("chat.completion.chunk", []) | {"usage": usage_out(usage)}

    def whole(self, done: AnswerDone, calls: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """The reply to a client that does not stream."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": done.text if done.text or not calls else None,
            "refusal": None,
            "annotations": self._annotations(done),
        }
        if calls:
            message["tool_calls"] = list(calls)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": done.finish_reason,
        }
        reply = self._frame("chat.completion", [choice])
        reply["usage"] = usage_out(done.usage)
        reply["citations"] = citations_out(done, self.slug)
        reply["retrieval"] = retrieval_out(done.retrieval, named=self.shows_sources)
        reply |= _actions(done)
        if self.conversation:
            reply["conversation"] = self.conversation
        return reply

    def _annotations(self, done: AnswerDone) -> list[dict[str, Any]]:
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": self.base_url + path,
                    "title": f"{citation.document_name}, {citation.locator}",
                    "start_index": citation.start,
                    "end_index": citation.end,
                },
            }
            for citation in done.citations
            if (path := path_of(citation, self.slug))
        ]

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._frame("chat.completion.chunk", [choice])

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def _actions(done: AnswerDone) -> dict[str, Any]:
    """The calls of the server's own tools, and the confirmation that the answer waits for."""
    shown: dict[str, Any] = {"actions": [action_out(call) for call in done.calls]}
    if done.confirmation is not None:
        shown["confirmation"] = confirmation_out(done.confirmation)
    return shown
