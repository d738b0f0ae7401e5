"""What was asked and answered."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and its whole answer."""

    id: str
    question: str
    answer: str
    citations: list[dict[str, Any]]
    retrieval: dict[str, Any]
    model: str
    created_at: datetime
    actions: list[dict[str, Any]] = field(default_factory=list)  # calls of tools, as everybody sees them
    # Calls of the client's own tools and their results, between question and answer, as chat messages.
    tool_messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether the answer waits for results of the client's tools."""
        return bool(self.tool_messages) and not self.answer


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Turns of one member with one assistant."""

    id: str
    team_id: str
    member: str
    assistant_id: str
    assistant: str  # slug
    title: str
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)  # the client's own


class ResponseStatus(StrEnum):
    """What became of a response."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # the model stopped before its end; the body says why
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """A response of OpenAI's Responses API, as its client will read it again."""

    id: str  # "resp_…"
    status: ResponseStatus
    body: dict[str, Any]  # the response object
    input: list[dict[str, Any]]  # input items, each with an id
    previous_id: str | None  # the response that it goes on from
    created_at: datetime
    # In which pieces the output came, so that a stream of it can be told again: [output index, characters].
    pieces: list[list[int]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)  # ids of those that it rests on
