"""Threads of the Assistants API, and the runs on them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A conversation of the Assistants API: whose it is, `store.belongings` says."""

    id: str  # "thread_…"
    team_id: str
    metadata: dict[str, str]
    vector_stores: list[str]  # "vs_…": searched beside the knowledge of whichever assistant runs on it
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ThreadMessage:
    """What somebody said in a thread."""

    id: str  # "msg_…"
    thread_id: str
    role: str  # "user" or "assistant"
    content: list[dict[str, Any]]  # parts as the wire shows them
    attachments: list[dict[str, Any]]
    metadata: dict[str, str]
    assistant_id: str | None
    run_id: str | None
    incomplete: str | None  # why the answer ended early
    created_at: datetime

    @property
    def text(self) -> str:
        """What was said in words."""
        texts = [part["text"]["value"] for part in self.content if part.get("type") == "text"]
        return "\n".join(texts)


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"  # waits for the outputs of the client's tools
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # a limit on tokens ended it
    FAILED = "failed"  # `error` says why
    EXPIRED = "expired"  # nobody sent the outputs in time

    @property
    def over(self) -> bool:
        """Whether nothing will come any more."""
        return self not in (RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION)


@dataclass(frozen=True, kw_only=True)
class Run:
    """An assistant's work on a thread."""

    id: str  # "run_…"
    team_id: str
    thread_id: str
    assistant_id: str
    status: RunStatus
    asked: dict[str, Any]  # what the client wants of it: model, instructions, tools, temperature, …
    metadata: dict[str, str]
    calls: list[dict[str, Any]]  # tool calls that wait for their outputs
    rounds: list[dict[str, Any]]  # calls and outputs so far, as chat messages
    error: dict[str, str] | None  # code and message
    incomplete: str | None  # which limit ended it
    usage: dict[str, int] | None
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """A stretch of a run: a search, calls, or a message."""

    id: str  # "step_…"
    run_id: str
    kind: str  # "tool_calls" or "message_creation"
    status: str
    details: dict[str, Any]
    usage: dict[str, int] | None
    created_at: datetime
    ended_at: datetime | None
