"""An answer that waits for a person: all that it takes to go on from where it stopped, as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from service.calls import Round
from service.events import Confirmation, Decision, Generation, Question, Retrieval, ToolCall


@dataclass(frozen=True, kw_only=True)
class Paused:
    """An answer that stopped for a confirmation."""

    question: Question
    generation: Generation
    retrieval: Retrieval
    searched: str | None
    made_self_standing_by: str | None
    rounds: tuple[Round, ...]
    calls: tuple[ToolCall, ...]  # those that were shown as done or failed
    shown: tuple[str, ...]  # tools that the model was shown
    confirmation: Confirmation

    def write(self) -> dict[str, Any]:
        """As JSON."""
        kept = replace(self, calls=tuple(replace(call, parts=()) for call in self.calls))
        written: dict[str, Any] = _PAUSED.dump_python(kept, mode="json")
        return written

    @property
    def documents(self) -> frozenset[str]:
        """Ids of the documents that it holds text of."""
        return frozenset(offered.passage.document_id for offered in self.retrieval.passages)


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """A paused answer, and what the person said."""

    paused: Paused
    decision: Decision


def read_paused(written: Mapping[str, Any]) -> Paused:
    """What `write` wrote."""
    return _PAUSED.validate_python(written)


_PAUSED = TypeAdapter(Paused)
