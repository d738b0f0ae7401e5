"""Citations, retrieval and tokens as everybody sees them: on each wire, and in a stored turn."""

from typing import Any
from urllib.parse import quote, urlencode

from service.events import AnswerDone, Retrieval, Usage
from service.grounding import Citation

_QUOTE_IN_URL = 300  # characters


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


def path_of(citation: Citation, slug: str) -> str:
    """Where the page shows what is cited, without the host."""
    wanted = {"page": citation.page, "quote": citation.quote[:_QUOTE_IN_URL]}
    return f"/view/{quote(slug)}/{citation.document_id}?{urlencode(wanted, quote_via=quote)}"


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
    """Tokens, in the words of OpenAI's chat."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
