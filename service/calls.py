"""Calls of tools, as a model writes them piece by piece."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessageChunk

from service.events import ToolArguments, ToolCallDelta, ToolStarted
from service.toolbox import Toolbox


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as the model wrote it."""

    id: str  # of the service: "call_…"
    given_id: str  # of the model; not always unique
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the model is told about a call."""

    text: str
    status: str  # "ok", "failed", "refused"
    origin: str = ""  # the host that the text came from


@dataclass(frozen=True, kw_only=True)
class Round:
    """One reply of the model that called tools, and what came of the calls so far."""

    text: str
    calls: tuple[Call, ...]
    outcomes: Mapping[str, Outcome]  # by Call.id


def arguments_of(call: Call) -> dict[str, Any] | None:
    """The arguments; None where they are no JSON object."""
    try:
        read = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


class CallReader:
    """The calls in the chunks of one reply: those of the client go on, those of the server are kept."""

    def __init__(self, toolbox: Toolbox, names_of_client: frozenset[str]) -> None:
        self._toolbox = toolbox
        self._clients = names_of_client
        self._open: dict[int, dict[str, str]] = {}  # place in the reply -> id, given_id, name, arguments
        self._place = -1
        self._handed: dict[int, int] = {}  # place in the reply -> place among the client's calls

    @property
    def handed_on(self) -> bool:
        """Whether a call of the client's own tools was among them."""
        return bool(self._handed)

    def read(self, chunk: AIMessageChunk) -> list[ToolCallDelta | ToolStarted | ToolArguments]:
        """What a chunk adds."""
        events: list[ToolCallDelta | ToolStarted | ToolArguments] = []
        for piece in chunk.tool_call_chunks:
            place = self._place_of(piece)
            if place not in self._open and place not in self._handed:
                if self._is_clients(piece["name"]):
                    self._handed[place] = len(self._handed)
                else:
                    events.append(self._begin(place, piece))
            if place in self._handed:
                events.append(
                    ToolCallDelta(
                        index=self._handed[place],
                        id=piece["id"],
                        name=piece["name"],
                        arguments=piece["args"] or "",
                    )
                )
            elif piece["args"]:
                self._open[place]["arguments"] += piece["args"]
                events.append(ToolArguments(id=self._open[place]["id"], text=piece["args"]))
        return events

    def calls(self) -> tuple[Call, ...]:
        """The calls of the server's tools, whole."""
        return tuple(Call(**self._open[place]) for place in sorted(self._open))

    def _place_of(self, piece: Mapping[str, Any]) -> int:
        """Most providers count; those that do not send each call whole, with a name."""
        if piece["index"] is not None:
            self._place = int(piece["index"])
            return self._place
        if piece["name"] or self._place < 0:
            self._place += 1
        return self._place

    def _is_clients(self, name: str | None) -> bool:
        if not self._toolbox:
            return True
        return name in self._clients and self._toolbox.get(name or "") is None

    def _begin(self, place: int, piece: Mapping[str, Any]) -> ToolStarted:
        made = f"call_{secrets.token_hex(12)}"
        name = piece["name"] or ""
        self._open[place] = {"id": made, "given_id": piece["id"] or made, "name": name, "arguments": ""}
        return ToolStarted(id=made, name=name)
