"""What goes into an answer and what comes out of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from instructions.format import Instruction
from instructions.prompt import Attached, Exchange
from knowledge.base import KnowledgeBase
from knowledge.documents import Passage
from knowledge.filters import Filter
from service.grounding import Citation
from service.model import Model
from service.tools import CallContext, Limits, Preview, Tool


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and what was said before."""

    text: str
    history: tuple[Exchange, ...] = ()  # oldest first
    system: str | None = None  # the client's own system or developer messages: below the instruction
    parts: tuple[Mapping[str, Any], ...] = ()  # OpenAI content parts besides the text: images
    tool_messages: tuple[Mapping[str, Any], ...] = ()  # OpenAI messages after the question: calls and results
    attached: tuple[Attached, ...] = ()  # what was read out of files and images that came with it

    def told(self, instructions: str | None) -> "Question":
        """The question with what the client wants to be minded, before its other system messages."""
        if not instructions or not instructions.strip():
            return self
        return replace(self, system="\n\n".join(part for part in (instructions, self.system) if part))


ReadAttached = Callable[[str], Awaitable[Sequence[Passage]]]
"""From what is searched for to the passages of the files that came with the question."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens, as the provider counts them, or estimated where it does not say."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Meter:
    """What an answer has used, to be read at any moment, also of one that broke off."""

    def __init__(self) -> None:
        self._read: Callable[[], Usage] = lambda: Usage(prompt_tokens=0, completion_tokens=0, estimated=True)

    def reads(self, read: Callable[[], Usage]) -> None:
        """Said by the answer in the making: how to read it."""
        self._read = read

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        return self._read()


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an assistant is made of."""

    name: str
    instruction: Instruction
    bases: Sequence[KnowledgeBase]
    model: Model
    top_k: int = 8  # passages offered to the model
    filter: Filter | None = None  # of the documents that are searched
    floor: float | None = None  # relevance below which nothing is offered; None for that of the bases
    budget_tokens: int = 8000  # of the whole prompt
    today: date | None = None  # what the model is told; None for the date of the server
    read_attached: ReadAttached | None = None  # where files came with the question
    tools: Sequence[Tool] = ()  # what the model may call besides the client's own tools
    context: CallContext | None = None  # for whom tools are called; none is called without it
    limits: Limits = field(default_factory=Limits)
    trusted_hosts: frozenset[str] = frozenset()  # that the operator lets have the team's text
    approved: frozenset[str] = frozenset()  # operations that the member approved for always
    notes: tuple[str, ...] = ()  # what is amiss with the assistant, in sentences, for the trace
    meter: Meter = field(default_factory=Meter)  # of one answer


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What the client asks of the model, in OpenAI's words."""

    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = None
    parameters: Mapping[str, Any] = field(
        default_factory=dict
    )  # temperature, max_tokens, response_format, ...


class RetrievalStatus(StrEnum):
    """What became of the search that every question begins with."""

    USED = "used"  # passages were offered to the model
    EMPTY = "empty"  # the search found nothing that bears on the question
    SKIPPED = "skipped"  # there was nothing to search; `reason` says why


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A passage under the label that an answer may cite it by."""

    label: int
    passage: Passage


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """What was searched for and found."""

    status: RetrievalStatus
    reason: str | None = None  # why nothing was searched or found
    query: str | None = None  # as searched: a follow-up made self-standing
    passages: tuple[Offered, ...] = ()
    answerability: float = 0.0  # 0..1: how sure the search is that the passages hold the answer
    took_ms: float = 0.0


class CallStatus(StrEnum):
    """Where a call of a tool is."""

    WAITING = "waiting"  # for the person's confirmation
    DONE = "done"
    FAILED = "failed"  # `error` says why; the model was told
    REFUSED = "refused"  # by the person


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call of one of the server's tools and what came of it, for people; never what came back."""

    id: str  # "call_…", of the service
    name: str
    status: CallStatus
    preview: Preview | None = None  # None where the arguments were of no use
    error: str | None = None
    http_status: int | None = None
    size: int = 0  # bytes that came back
    took_ms: float = 0.0
    sign_in_url: str | None = None  # where the member connects their account, where that is what is missing
    request: Mapping[str, Any] = field(default_factory=dict)  # what was sent, without secrets: for the trace
    parts: Sequence[Mapping[str, Any]] = ()  # what a person is shown beside the answer


class WhyConfirm(StrEnum):
    """Why a call must be confirmed."""

    CONSEQUENTIAL = "consequential"  # the operation changes something
    CARRIES_TEXT = "carries_text"  # its arguments hold text that was read, not written by the person


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A question to the person: may exactly this be done?"""

    id: str  # "conf_…"
    call: str  # ToolCall.id
    name: str
    preview: Preview
    operation: str  # what "always" is said about, see `operation_of`
    why: WhyConfirm
    carries: str | None  # a stretch of the text that it would carry away
    expires_at: datetime


class Decision(StrEnum):
    """What the person says to a Confirmation."""

    ONCE = "once"  # do this, with these arguments
    ALWAYS = "always"  # and do not ask again for this operation
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Trace:
    """How an answer came about: for the people who write instructions, never for viewers."""

    asked: str
    searched: str | None
    made_self_standing_by: str | None  # "model", "rule"; None where the question stood by itself
    model: str | None  # None where no model was called
    cut: tuple[str, ...]  # what did not fit into the prompt
    prompt_tokens: int  # estimated
    search_ms: float
    first_token_ms: float | None
    total_ms: float
    calls: tuple[ToolCall, ...] = ()
    tools_offered: tuple[str, ...] = ()  # to the first call of the model
    notes: tuple[str, ...] = ()  # what else the service decided, in sentences


@dataclass(frozen=True, kw_only=True)
class RetrievalDone:
    """Comes first, always."""

    retrieval: Retrieval


@dataclass(frozen=True, kw_only=True)
class TextDelta:
    """The next piece of the answer, never empty; what went out is never taken back."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ToolCallDelta:
    """A piece of a call of one of the client's own tools, as in OpenAI's stream."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, kw_only=True)
class ToolStarted:
    """The model begins to write a call of one of the server's tools."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ToolArguments:
    """The next piece of the arguments, as the model writes them."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ToolRunning:
    """The call was judged harmless or approved, and goes out."""

    id: str
    name: str
    preview: Preview


@dataclass(frozen=True, kw_only=True)
class ToolWaiting:
    """The call needs the person's confirmation. AnswerDone follows; the answer goes on from `paused`."""

    call: ToolCall
    confirmation: Confirmation
    paused: Mapping[str, Any]  # JSON; for `resume` alone


@dataclass(frozen=True, kw_only=True)
class ToolDone:
    """The call brought something back."""

    call: ToolCall


@dataclass(frozen=True, kw_only=True)
class ToolFailed:
    """The call came to nothing, or the person refused it; the model was told."""

    call: ToolCall


@dataclass(frozen=True, kw_only=True)
class AnswerDone:
    """Comes last. Without it there is no answer: an error was raised in between."""

    text: str  # all the TextDelta joined
    citations: tuple[Citation, ...]
    retrieval: Retrieval
    usage: Usage
    finish_reason: str  # "stop", "length", "tool_calls", "content_filter"
    declined: bool  # the files do not hold the answer, and the assistant said so without a model
    trace: Trace
    calls: tuple[ToolCall, ...] = ()  # of the server's tools, in the order they were made
    confirmation: Confirmation | None = None  # what the answer waits for


ToolEvent = ToolStarted | ToolArguments | ToolRunning | ToolWaiting | ToolDone | ToolFailed
Event = RetrievalDone | TextDelta | ToolCallDelta | ToolEvent | AnswerDone
