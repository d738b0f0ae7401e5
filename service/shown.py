"""Citations, retrieval and tokens as everybody sees them: on each wire, and in a stored turn."""

from typing import Any
from urllib.parse import quote, urlencode

from service.events import (
    AnswerDone,
    Confirmation,
    Retrieval,
    ToolArguments,
    ToolCall,
    ToolEvent,
    ToolRunning,
    ToolStarted,
    Usage,
    WhyConfirm,
)
from service.grounding import Citation
from service.tools import Preview

_QUOTE_IN_URL = 300  # characters

INLINE = "inline_"
"""How the ids of files begin that came within a question itself, and are kept nowhere."""


def citations_out(done: AnswerDone, slug: str) -> list[dict[str, Any]]:
    """The citations of an answer of the assistant with this slug."""
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
            "url": path_of(citation, slug),
        }
        for citation in done.citations
    ]


def path_of(citation: Citation, slug: str) -> str | None:
    """Where what is cited can be opened, without the host: on the page, but for files that came along."""
    if citation.document_id.startswith(INLINE):
        return None
    if citation.document_id.startswith("file-"):
        return f"/v1/files/{citation.document_id}/content"
    wanted = {"page": citation.page, "quote": citation.quote[:_QUOTE_IN_URL]}
    return f"/view/{quote(slug)}/{citation.document_id}?{urlencode(wanted, quote_via=quote)}"


def retrieval_out(retrieval: Retrieval, *, named: bool = True) -> dict[str, Any]:
    """What was searched for and found, or why nothing was; without the documents unless they are `named`."""
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
            for offered in (retrieval.passages if named else ())
        ],
        "answerability": round(retrieval.answerability, 4),
        "took_ms": round(retrieval.took_ms, 3),
    }


def action_out(call: ToolCall) -> dict[str, Any]:
    """A call of a tool and what came of it, without what came back."""
    shown = {
        "id": call.id,
        "name": call.name,
        "status": call.status,
        "call": preview_out(call.preview) if call.preview else None,
        "error": call.error,
        "http_status": call.http_status,
        "size": call.size,
        "took_ms": round(call.took_ms, 3),
        "sign_in_url": call.sign_in_url,
    }
    return shown | {"parts": [dict(part) for part in call.parts]} if call.parts else shown


def preview_out(preview: Preview) -> dict[str, Any]:
    """What a call would do, or did."""
    return {
        "method": preview.method,
        "host": preview.host,
        "path": preview.path,
        "arguments": dict(preview.arguments),
    }


def confirmation_out(asked: Confirmation) -> dict[str, Any]:
    """A question to the person, and how it is answered."""
    return {
        "id": asked.id,
        "object": "confirmation",
        "action": asked.call,
        "name": asked.name,
        **preview_out(asked.preview),
        "why": asked.why,
        "carries": asked.carries,
        "decisions": ["once", "always", "refuse"] if can_be_always(asked) else ["once", "refuse"],
        "expires_at": int(asked.expires_at.timestamp()),
        "url": f"/api/confirmations/{asked.id}",
    }


def can_be_always(asked: Confirmation) -> bool:
    """What a call carries differs each time, so nothing can be said about it once and for all."""
    return asked.why is WhyConfirm.CONSEQUENTIAL


def tool_event_out(event: ToolEvent) -> dict[str, Any]:
    """What becomes of a call, while it does."""
    if isinstance(event, ToolStarted):
        return {"id": event.id, "name": event.name, "status": "started"}
    if isinstance(event, ToolArguments):
        return {"id": event.id, "status": "arguments", "delta": event.text}
    if isinstance(event, ToolRunning):
        return {
            "id": event.id,
            "name": event.name,
            "status": "running",
            "call": preview_out(event.preview),
        }
    return action_out(event.call)


def usage_out(usage: Usage) -> dict[str, Any]:
    """Tokens, in the words of OpenAI's chat."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
