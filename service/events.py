"""What goes into an answer and what comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from instructions.format import Instruction
from instructions.prompt import Exchange
from knowledge.base import KnowledgeBase
from knowledge.documents import Passage
from service.grounding import Citation
from service.model import Model
from service.tools import CallContext, Tool


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and what was said before."""

    text: str
    history: tuple[Exchange, ...] = ()  # oldest first
    system: str | None = None  # the client's own system or developer messages: below the instruction
    parts: tuple[Mapping[str, Any], ...] = ()  # OpenAI content parts besides the text: images
    tool_messages: tuple[Mapping[str, Any], ...] = ()  # OpenAI messages after the question: calls and results


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an assistant is made of."""

    name: str
    instruction: Instruction
    bases: Sequence[KnowledgeBase]
    model: Model
    top_k: int = 8  # passages offered to the model
    budget_tokens: int = 8000  # of the whole prompt
    today: date | None = None  # what the model is told; None for the date of the server
    tools: Sequence[Tool] = ()  # what the model may call besides the client's own tools
    context: CallContext | None = None  # for whom tools are called; none is called without it


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


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens, as the provider counts them, or estimated where it does not say."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


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
class AnswerDone:
    """Comes last. Without it there is no answer: an error was raised in between."""

    text: str  # all the TextDelta joined
    citations: tuple[Citation, ...]
    retrieval: Retrieval
    usage: Usage
    finish_reason: str  # "stop", "length", "tool_calls", "content_filter"
    declined: bool  # the files do not hold the answer, and the assistant said so without a model
    trace: Trace


Event = RetrievalDone | TextDelta | ToolCallDelta | AnswerDone
