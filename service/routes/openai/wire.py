"""An answer in OpenAI's shapes, with Doumi's own fields beside them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from service.answering import AnswerDone, Retrieval, ToolCallDelta, Usage
from service.grounding import Citation

_QUOTE_IN_URL = 300  # characters


@dataclass(kw_only=True)
class Reply:
    """One chat completion on the wire; chunks and the whole reply share its id."""

    id: str
    created: int  # Unix seconds
    model: str  # as the client named it
    slug: str
    base_url: str  # of the page, without a slash at the end
    conversation: str | None = None
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict)

    def first(self, retrieval: Retrieval) -> dict[str, Any]:
        """The chunk that carries the role, and what was retrieved."""
        more: dict[str, Any] = {"retrieval": retrieval_out(retrieval)}
        if self.conversation:
            more["conversation"] = self.conversation
        return self._chunk({"role": "assistant", "content": ""}) | more

    def text(self, text: str) -> dict[str, Any]:
        """A chunk with a piece of the answer."""
        return self._chunk({"content": text})

    def tool_call(self, delta: ToolCallDelta) -> dict[str, Any]:
        """A chunk with a piece of a call of the client's own tool; kept for the whole reply."""
        call = self._calls.setdefault(
            delta.index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = call["id"] or delta.id
        call["function"]["name"] += delta.name or ""
        call["function"]["arguments"] += delta.arguments
        piece: dict[str, Any] = {"index": delta.index, "function": {"arguments": delta.arguments}}
        if delta.id:
            piece |= {"id": delta.id, "type": "function"}
        if delta.name:
            piece["function"]["name"] = delta.name
        return self._chunk({"tool_calls": [piece]})

    def last(self, done: AnswerDone) -> dict[str, Any]:
        """The chunk that ends the choice; citations come with it."""
        delta: dict[str, Any] = {}
        if done.citations:
            delta["annotations"] = self._annotations(done)
        return self._chunk(delta, done.finish_reason) | {"citations": self.citations(done)}

    def usage(self, usage: Usage) -> dict[str, Any]:
        """The chunk that a client asked for with `stream_options.include_usage`."""
        return self._frame("chat.completion.chunk", []) | {"usage": usage_out(usage)}

    def whole(self, done: AnswerDone) -> dict[str, Any]:
        """The reply to a client that does not stream."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": done.text if done.text or not self._calls else None,
            "refusal": None,
            "annotations": self._annotations(done),
        }
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": done.finish_reason,
        }
        reply = self._frame("chat.completion", [choice])
        reply["usage"] = usage_out(done.usage)
        reply["citations"] = self.citations(done)
        reply["retrieval"] = retrieval_out(done.retrieval)
        if self.conversation:
            reply["conversation"] = self.conversation
        return reply

    def citations(self, done: AnswerDone) -> list[dict[str, Any]]:
        """Doumi's own, richer form of the annotations."""
        return [
            {
                "label": citation.label,
                "document": {"id": citation.document_id, "name": citation.document_name},
                "page": citation.page,
                "locator": citation.locator,
                "quote": citation.quote,
                "verdict": citation.verdict,
                "start": citation.start,
                "end": citation.end,
                "url": self._path(citation),
            }
            for citation in done.citations
        ]

    def _annotations(self, done: AnswerDone) -> list[dict[str, Any]]:
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": self.base_url + self._path(citation),
                    "title": f"{citation.document_name}, {citation.locator}",
                    "start_index": citation.start,
                    "end_index": citation.end,
                },
            }
            for citation in done.citations
        ]

    def _path(self, citation: Citation) -> str:
        wanted = {"page": citation.page, "quote": citation.quote[:_QUOTE_IN_URL]}
        return f"/view/{quote(self.slug)}/{citation.document_id}?{urlencode(wanted, quote_via=quote)}"

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


def retrieval_out(retrieval: Retrieval) -> dict[str, Any]:
    """What was searched for and found, or why nothing was."""
    return {
        "status": retrieval.status,
        "reason": retrieval.reason,
        "query": retrieval.query,
        "passages": [
            {
                "label": offered.label,
                "document": {"id": offered.passage.document_id, "name": offered.passage.document_name},
                "page": offered.passage.chunk.page,
                "locator": offered.passage.chunk.locator,
                "score": round(offered.passage.score, 4),
                "relevance": round(offered.passage.relevance, 4),
            }
            for offered in retrieval.passages
        ],
        "answerability": round(retrieval.answerability, 4),
        "took_ms": round(retrieval.took_ms, 3),
    }


def usage_out(usage: Usage) -> dict[str, Any]:
    """Tokens, in OpenAI's words."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
