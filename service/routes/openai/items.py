"""Items of OpenAI's Responses API and conversations: to and from chat messages and turns."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.events import Confirmation, Question
from service.records import Turn
from service.routes.openai.messages import question_of
from service.shown import confirmation_out
from service.store.conversations import new_turn
from service.vector_stores import page_file_id

APPROVAL = "mcp_approval_response"
"""What a person says to a call that waits for them."""

_TEXTS = {"text", "input_text", "output_text", "refusal"}
_LEFT_OUT = {
    "reasoning",
    "file_search_call",
    "compaction",
    "mcp_approval_request",
}  # what the server makes or keeps by itself
_MOST_ITEMS = 2000


class UnusableItems(Exception):
    """The input holds an item that cannot be read; the message says which, and what it takes."""


class ItemNotFound(Exception):
    """The conversation has no such item; list its items to see those it has."""


def input_items(given: Any) -> list[dict[str, Any]]:
    """The input of a request as items, each with an id. Raises UnusableItems."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise UnusableItems("input must be text or a list of items that is not empty.")
    if len(given) > _MOST_ITEMS:
        raise UnusableItems(f"input holds more than {_MOST_ITEMS} items; send fewer.")
    return [_item(item, at) for at, item in enumerate(given)]


def messages_of(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Chat messages that say the same; calls in a row are one message."""
    messages: list[dict[str, Any]] = []
    for item in items:
        kind = item["type"]
        if kind == "message":
            messages.append({"role": item["role"], "content": [_chat_part(part) for part in item["content"]]})
        elif kind == "function_call":
            call = {
                "id": item["call_id"],
                "type": "function",
                "function": {"name": item["name"], "arguments": item["arguments"]},
            }
            if messages and messages[-1].get("tool_calls"):
                messages[-1]["tool_calls"].append(call)
            else:
                messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        elif kind == "function_call_output":
            messages.append(
                {"role": "tool", "tool_call_id": item["call_id"], "content": _text(item["output"])}
            )
    return messages


def question_from(messages: Sequence[Mapping[str, Any]], *, kept: bool) -> Question:
    """The question in chat messages; with `kept`, results of tools alone go on with what the server keeps.

    Raises UnusableMessages.
    """
    asks = any(message["role"] == "user" for message in messages)
    if asks or not kept or not any(message["role"] == "tool" for message in messages):
        return question_of(messages)
    placeholder = {"role": "user", "content": "…"}
    return replace(question_of([placeholder, *messages]), text="")


def items_of(turn: Turn) -> list[dict[str, Any]]:
    """What a stored turn looks like in a conversation; ids are made of the turn's."""
    key = turn.id.removeprefix("turn_")
    items: list[dict[str, Any]] = []
    if turn.question:
        items.append(message_item(f"msg_{key}_q", "user", turn.question))
    if turn.question and turn.answer and turn.retrieval.get("status") in ("used", "empty"):
        items.append(search_item(f"fs_{key}", [turn.retrieval.get("query") or turn.question]))
    for at, each in enumerate(_calls_and_results(turn.tool_messages)):
        letter = "fc" if each["type"] == "function_call" else "fco"
        items.append({"id": f"{letter}_{key}_{at}", "status": "completed", **each})
    if turn.answer:
        annotations = [file_citation(citation) for citation in turn.citations]
        items.append(message_item(f"msg_{key}_a", "assistant", turn.answer, annotations))
    return items


def without_item(turn: Turn, item_id: str) -> Turn:
    """The turn without one of its items. Raises ItemNotFound."""
    key = turn.id.removeprefix("turn_")
    if item_id == f"msg_{key}_q":
        return replace(turn, question="")
    if item_id == f"msg_{key}_a":
        return replace(turn, answer="", citations=[], retrieval={})
    prefix, _, rest = item_id.partition(f"_{key}")
    if prefix in ("fc", "fco"):
        kept = [each for at, each in enumerate(_calls_and_results(turn.tool_messages)) if rest != f"_{at}"]
        return replace(turn, tool_messages=messages_of(kept))
    if item_id == f"fs_{key}":
        return replace(turn, retrieval={})
    raise ItemNotFound(f"The conversation has no item {item_id!r}; list its items to see those it has.")


def turns_of(items: Iterable[Mapping[str, Any]]) -> list[Turn]:
    """Turns that hold these items, in their order. Raises UnusableItems for what a turn cannot hold."""
    turns: list[Turn] = []
    for message in messages_of(items):
        role = message["role"]
        text = message["content"] if isinstance(message["content"], str) else _text(message["content"])
        last = turns[-1] if turns else None
        if role == "user":
            turns.append(_turn(question=text))
        elif role == "tool" or message.get("tool_calls"):
            if last is None or last.answer:
                raise UnusableItems("A call of a function, or its result, must follow a user message.")
            turns[-1] = replace(last, tool_messages=[*last.tool_messages, message])
        elif role == "assistant":
            if last is None or last.answer:
                turns.append(_turn(answer=text))
            else:
                turns[-1] = replace(last, answer=text)
        else:
            raise UnusableItems(
                "A conversation holds messages of user and assistant, calls of functions and their results; "
                "orders go into the `instructions` of each response."
            )
    return turns


def message_item(
    id: str, role: str, text: str, annotations: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """A message of one text."""
    part: dict[str, Any] = {"type": "input_text", "text": text}
    if role == "assistant":
        part = {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}
    return {"id": id, "type": "message", "role": role, "status": "completed", "content": [part]}


def search_item(id: str, queries: Sequence[str], results: Any = None) -> dict[str, Any]:
    """The search that an answer begins with."""
    return {
        "id": id,
        "type": "file_search_call",
        "status": "completed",
        "queries": list(queries),
        "results": results,
    }


def approval_item(asked: Confirmation, host: str) -> dict[str, Any]:
    """A call of one of the server's tools that waits for a person; `host` is where it would go."""
    return {
        "id": asked.id,
        "type": "mcp_approval_request",
        "name": asked.name,
        "server_label": host,
        "arguments": json.dumps(dict(asked.preview.arguments), ensure_ascii=False),
        "confirmation": confirmation_out(asked),
    }


def file_citation(citation: Mapping[str, Any]) -> dict[str, Any]:
    """A citation (as `citations_out` has it) in the words of the Responses API, and what ours adds."""
    return {
        "type": "file_citation",
        "file_id": citation.get("file_id") or page_file_id(citation["document"]["id"]),
        "filename": citation["document"]["name"],
        "index": citation["start"],
        "label": citation["label"],
        "page": citation["page"],
        "locator": citation["locator"],
        "quote": citation["quote"],
        "verdict": citation["verdict"],
        "start": citation["start"],
        "end": citation["end"],
        "url": citation["url"],
    }


def _turn(question: str = "", answer: str = "") -> Turn:
    return new_turn(question=question, answer=answer, citations=[], retrieval={}, model="client")


def _calls_and_results(messages: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    for message in messages:
        for call in message.get("tool_calls") or ():
            function = call["function"]
            yield {
                "type": "function_call",
                "call_id": call["id"],
                "name": function["name"],
                "arguments": function["arguments"],
            }
        if message["role"] == "tool":
            yield {
                "type": "function_call_output",
                "call_id": message["tool_call_id"],
                "output": _text(message["content"]),
            }


def _item(item: Any, at: int) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise UnusableItems(f"input[{at}] is no item; send an object such as a message.")
    kind = item.get("type") or ("message" if "role" in item else None)
    if kind == "message":
        return _message(item, at)
    if kind == "function_call":
        return _known(item, at, "fc", ("call_id", "name", "arguments"))
    if kind == "function_call_output":
        kept = _known(item, at, "fco", ("call_id",))
        output = item.get("output")
        if not isinstance(output, str | list):
            raise UnusableItems(f"input[{at}].output must be text or a list of parts.")
        return kept | {"output": output}
    if kind == APPROVAL:
        if not isinstance(item.get("approve"), bool):
            raise UnusableItems(f"input[{at}].approve must be true or false.")
        return _known(item, at, "mcpr", ("approval_request_id",)) | {"approve": item["approve"]}
    if kind in _LEFT_OUT:
        return {**item, "id": str(item.get("id") or _new_id("item"))}
    raise UnusableItems(
        f"input[{at}].type is {kind!r}; it can be message, function_call, function_call_output or "
        "mcp_approval_response."
    )


def _message(item: Mapping[str, Any], at: int) -> dict[str, Any]:
    role, content = item.get("role"), item.get("content")
    if role not in ("user", "assistant", "system", "developer"):
        raise UnusableItems(f"input[{at}].role is {role!r}; it can be user, assistant, system or developer.")
    if isinstance(content, str):
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": content} | ({"annotations": []} if role == "assistant" else {})]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise UnusableItems(f"input[{at}].content must be text or a list of parts.")
    for part in content:
        _check_part(part, at)
    return {
        "id": str(item.get("id") or _new_id("msg")),
        "type": "message",
        "role": role,
        "status": "completed",
        "content": content,
    }


def _check_part(part: Mapping[str, Any], at: int) -> None:
    kind = part.get("type")
    if kind in _TEXTS:
        if not isinstance(part.get("text", part.get("refusal")), str):
            raise UnusableItems(f"input[{at}].content holds a part of the type {kind!r} without its text.")
    elif kind not in ("input_image", "input_file"):
        raise UnusableItems(
            f"input[{at}].content holds a part of the type {kind!r}; it can be input_text, input_image or "
            "input_file."
        )


def _known(item: Mapping[str, Any], at: int, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {"id": str(item.get("id") or _new_id(prefix)), "type": item["type"]}
    for name in names:
        if not isinstance(item.get(name), str):
            raise UnusableItems(f"input[{at}].{name} must be text.")
        kept[name] = item[name]
    return kept | {"status": "completed"}


def _chat_part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part["type"]
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text", part.get("refusal"))}
    if kind == "input_image":
        named = {name: part[name] for name in ("detail", "file_id") if part.get(name)}
        return {"type": "image_url", "image_url": {"url": part.get("image_url") or "", **named}}
    named = {name: part[name] for name in ("file_id", "file_data", "file_url", "filename") if part.get(name)}
    return {"type": "file", "file": named}


def _text(output: Any) -> str:
    if isinstance(output, str):
        return output
    return "\n".join(str(part.get("text", "")) for part in output if isinstance(part, dict))


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
