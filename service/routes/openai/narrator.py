"""Tells how a response comes about, in the events of OpenAI's Responses API, numbered and in their order."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

_RUNNING = "in_progress"
_END = ("status", "error", "incomplete_details", "usage", "completed_at")
_ENDS = {"completed", "incomplete", "failed", "cancelled"}


class Narrator:
    """The events of one response; its body grows along with them."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body  # `output` is filled here; the rest is the caller's
        self.pieces: list[list[int]] = []  # output index and characters of each delta
        self._number = 0
        self._message: int | None = None  # output index of the message that is being written
        self._asides = False
        self._calls: dict[str, int] = {}  # item id -> output index

    @property
    def output(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.body["output"]
        return items

    def begins(self) -> list[dict[str, Any]]:
        """The first events: the response is there, and being worked on."""
        self.body["status"] = _RUNNING
        return [self._state("response.created"), self._state("response.in_progress")]

    def searched(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The search that came before the answer."""
        at = len(self.output)
        self.output.append(dict(item))
        begun = {**item, "status": _RUNNING, "results": None}
        states = ("in_progress", "searching", "completed")
        return [
            self._event("response.output_item.added", output_index=at, item=begun),
            *(
                self._event(f"response.file_search_call.{state}", output_index=at, item_id=item["id"])
                for state in states
            ),
            self._event("response.output_item.done", output_index=at, item=dict(item)),
        ]

    def text(self, item_id: str, delta: str) -> list[dict[str, Any]]:
        """The next piece of the message."""
        events = [] if self._message is not None else self._opens_message(item_id)
        at = self._message
        assert at is not None
        item = self.output[at]
        item["content"][0]["text"] += delta
        self.pieces.append([at, len(delta)])
        events.append(
            self._event(
                "response.output_text.delta",
                item_id=item["id"],
                output_index=at,
                content_index=0,
                delta=delta,
                logprobs=[],
            )
        )
        return events

    def call(self, item_id: str, call_id: str, name: str, arguments: str) -> list[dict[str, Any]]:
        """A piece of a call of a function; the first one opens it."""
        events = []
        if item_id not in self._calls:
            item = {
                "id": item_id,
                "type": "function_call",
                "status": _RUNNING,
                "call_id": call_id,
                "name": name,
                "arguments": "",
            }
            at = self._calls[item_id] = len(self.output)
            self.output.append(item)
            events.append(self._event("response.output_item.added", output_index=at, item=dict(item)))
        at = self._calls[item_id]
        self.pieces.append([at, len(arguments)])
        if arguments:
            self.output[at]["arguments"] += arguments
            events.append(
                self._event(
                    "response.function_call_arguments.delta",
                    item_id=item_id,
                    output_index=at,
                    delta=arguments,
                )
            )
        return events

    def aside(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """An item that is whole as it comes."""
        at = len(self.output)
        self.output.append(dict(item))
        self._asides = True
        kinds = ("added", "done")
        return [
            self._event(f"response.output_item.{kind}", output_index=at, item=dict(item)) for kind in kinds
        ]

    def ends(
        self, item_id: str, annotations: Sequence[Mapping[str, Any]], end: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Closes every item and the response; `end` holds its status and what else the body gets with it."""
        events: list[dict[str, Any]] = []
        if self._message is None and not self._calls and not self._asides:
            events += self._opens_message(item_id)
        unfinished = "incomplete" if end["status"] == "incomplete" else "completed"
        for at, item in enumerate(self.output):
            if at == self._message:
                events += self._closes_message(at, item, annotations, unfinished)
            elif item["id"] in self._calls:
                events += self._closes_call(at, item)
        return [*events, *self.stops(end)]

    def stops(self, end: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The last event, with the response as it is now."""
        self.body.update(end)
        assert self.body["status"] in _ENDS
        # OpenAI has no event for a cancelled response; its streams end with the response as it was left.
        status = "incomplete" if self.body["status"] == "cancelled" else self.body["status"]
        return [self._state(f"response.{status}")]

    def _opens_message(self, item_id: str) -> list[dict[str, Any]]:
        at = self._message = len(self.output)
        part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        item = {"id": item_id, "type": "message", "role": "assistant", "status": _RUNNING, "content": []}
        self.output.append(item | {"content": [part]})
        return [
            self._event("response.output_item.added", output_index=at, item=item),
            self._event(
                "response.content_part.added",
                item_id=item_id,
                output_index=at,
                content_index=0,
                part=deepcopy(part),
            ),
        ]

    def _closes_message(
        self, at: int, item: dict[str, Any], annotations: Sequence[Mapping[str, Any]], status: str
    ) -> list[dict[str, Any]]:
        part = item["content"][0]
        place = {"item_id": item["id"], "output_index": at, "content_index": 0}
        added = [
            self._event(
                "response.output_text.annotation.added",
                **place,
                annotation_index=index,
                annotation=dict(annotation),
            )
            for index, annotation in enumerate(annotations)
        ]
        part["annotations"] = [dict(annotation) for annotation in annotations]
        item["status"] = status
        return [
            *added,
            self._event("response.output_text.done", **place, text=part["text"], logprobs=[]),
            self._event("response.content_part.done", **place, part=deepcopy(part)),
            self._event("response.output_item.done", output_index=at, item=deepcopy(item)),
        ]

    def _closes_call(self, at: int, item: dict[str, Any]) -> list[dict[str, Any]]:
        item["status"] = "completed"
        return [
            self._event(
                "response.function_call_arguments.done",
                item_id=item["id"],
                output_index=at,
                name=item["name"],
                arguments=item["arguments"],
            ),
            self._event("response.output_item.done", output_index=at, item=dict(item)),
        ]

    def _state(self, kind: str) -> dict[str, Any]:
        return self._event(kind, response=deepcopy(self.body))

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return event


def told_again(body: Mapping[str, Any], pieces: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """The events of a finished response, with the numbers that they had when they were first told."""
    output = body["output"]
    end = {name: body.get(name) for name in _END}
    narrator = Narrator({**body, "output": [], "error": None, "incomplete_details": None, "usage": None})
    narrator.body["completed_at"] = None
    events = narrator.begins()
    for item in output:
        if item["type"] == "file_search_call":
            events += narrator.searched(item)
    said = dict.fromkeys(range(len(output)), 0)
    for at, length in _all_pieces(output, pieces):
        item, start = output[at], said[at]
        said[at] = start + length
        if item["type"] == "message":
            text = item["content"][0]["text"]
            events += narrator.text(item["id"], text[start : start + length])
        else:
            arguments = item["arguments"][start : start + length]
            events += narrator.call(item["id"], item["call_id"], item["name"], arguments)
    if end["status"] in ("failed", "cancelled"):
        return [*events, *narrator.stops(end)]
    for item in output:
        if item["type"] == "mcp_approval_request":
            events += narrator.aside(item)
    message = next((item for item in output if item["type"] == "message"), None)
    annotations = message["content"][0]["annotations"] if message else ()
    return [*events, *narrator.ends(message["id"] if message else "", annotations, end)]


def _all_pieces(
    output: Sequence[Mapping[str, Any]], pieces: Sequence[Sequence[int]]
) -> list[tuple[int, int]]:
    """The pieces, or one for each item where a deleted document took them away."""
    if pieces:
        return [(at, length) for at, length in pieces if at < len(output)]
    return [
        (at, len(item["content"][0]["text"]))
        for at, item in enumerate(output)
        if item["type"] == "message" and item["content"][0]["text"]
    ]
