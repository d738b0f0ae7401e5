"""Assistants of the Assistants API are Doumi's assistants: the instructions become the instruction file.

What an instruction file has no word for is kept beside it: the model's name as the client wrote it, function
tools, temperature, metadata.
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from instructions.format import AnswerFrom, Instruction, from_parts, render
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Assistant, Caller
from service.store.teams import SlugTaken
from service.vector_stores import find, slug_of, store_id

_KEPT = ("model", "tools", "temperature", "top_p", "response_format", "metadata", "reasoning_effort")
_TOOLS = ("file_search", "function")


class ToolNotOffered(Exception):
    """A tool that Doumi does not have; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of an exported assistant."""

    assistant: Assistant
    taken: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # each with the reason and what to do


def refuse_unknown_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    """Raises ToolNotOffered."""
    for tool in tools:
        if tool.get("type") not in _TOOLS:
            raise ToolNotOffered(
                f"The tool {tool.get('type')!r} is not offered here; leave it out. "
                f"There are {' and '.join(_TOOLS)}."
            )


def create(
    here: Installation, caller: Caller, wanted: Mapping[str, Any], stores: Sequence[str] = ()
) -> Assistant:
    """An assistant from the fields of the Assistants API; `stores` are the vector stores that it reads.

    Raises ToolNotOffered, VectorStoreNotFound and InstructionError.
    """
    tools = wanted.get("tools") or []
    refuse_unknown_tools(tools)
    name = wanted.get("name") or ""
    front = {"description": wanted.get("description") or None, "answer_from": _answer_from(tools)}
    instruction = from_parts(front, wanted.get("instructions") or "", file="instructions")
    knowledge = [find(here, caller, each).slug for each in stores]
    beginning = slug_of(name) or f"assistant-{secrets.token_hex(3)}"
    for slug in (beginning, *(f"{beginning}-{number}" for number in range(2, 1000))):
        with suppress(SlugTaken):
            made = here.store.assistants.create(
                caller.team.id,
                slug=slug,
                name=name or slug,
                instruction=render(instruction),
                knowledge=knowledge,
            )
            here.store.assistants.note(caller.team.id, made.id, _notes(wanted))
            return made
    raise SlugTaken(f"There are too many assistants called {beginning}; choose another name.")


def change(
    here: Installation,
    caller: Caller,
    before: Assistant,
    given: Mapping[str, Any],
    stores: Sequence[str] = (),
) -> Assistant:
    """Change the fields that were given; a new version comes of a new instruction or name."""
    if "tools" in given:
        refuse_unknown_tools(given["tools"] or [])
    front: dict[str, Any] = {}
    if "description" in given:
        front["description"] = given["description"] or None
    old = instruction_of(before)
    text = render(old)
    if "instructions" in given:
        text = old.head + (given["instructions"] or "")
    instruction = from_parts(front, text, file="instructions")
    changed = here.store.assistants.change(
        caller.team.id,
        before.slug,
        name=given.get("name") or before.name,
        instruction=render(instruction),
        knowledge=[find(here, caller, each).slug for each in stores] or None,
    )
    _drop_unread(here, before, changed)
    notes = here.store.assistants.notes(caller.team.id, before.id)
    here.store.assistants.note(caller.team.id, before.id, notes | _notes(given))
    return changed


def shown(here: Installation, assistant: Assistant, *, whole: bool) -> dict[str, Any]:
    """The assistant as the Assistants API shows it; `whole` with its instructions."""
    front = instruction_of(assistant).front
    notes = here.store.assistants.notes(assistant.team_id, assistant.id)
    searches = [{"type": "file_search"}] if assistant.knowledge_bases else []
    tools = notes.get("tools", searches)
    stores = [store_id(base) for base in assistant.knowledge_bases]
    return {
        "id": assistant.id,
        "object": "assistant",
        "created_at": int(assistant.created_at.timestamp()),
        "name": assistant.name,
        "description": front.description or None,
        "model": notes.get("model") or front.model or here.settings.model,
        "instructions": body_of(instruction_of(assistant)) if whole else None,
        "tools": tools,
        "tool_resources": {"file_search": {"vector_store_ids": stores}}
        if any(tool.get("type") == "file_search" for tool in tools)
        else {},
        "metadata": notes.get("metadata") or {},
        "temperature": notes.get("temperature"),
        "top_p": notes.get("top_p"),
        "response_format": notes.get("response_format") or "auto",
        "slug": assistant.slug,
    }


def body_of(instruction: Instruction) -> str:
    """The instruction without its front matter: what the Assistants API calls instructions."""
    return render(instruction)[len(instruction.head) :].strip()


def import_assistant(here: Installation, caller: Caller, exported: Mapping[str, Any]) -> Imported:
    """An assistant from the JSON of one that was retrieved at OpenAI. Raises InstructionError."""
    taken: list[str] = []
    left_out: list[str] = []
    tools: list[Mapping[str, Any]] = []
    for tool in exported.get("tools") or []:
        kind = tool.get("type")
        if kind == "function":
            tools.append(tool)
            name = _part(tool, "function").get("name")
            taken.append(f"function {name}: programs answer it with submit_tool_outputs")
        elif kind in ("file_search", "retrieval"):
            tools.append({"type": "file_search"})
            taken.append("file_search: retrieval runs before every answer")
        else:
            left_out.append(f"{kind}: Doumi has no such tool; an action can do the work")
    taken.extend(name for name in ("name", "description", "instructions", "metadata") if exported.get(name))
    taken.extend(
        f"{name}: {exported[name]}" for name in ("temperature", "top_p") if exported.get(name) is not None
    )
    if exported.get("model"):
        left_out.append(
            f"model {exported['model']}: the installation's model {here.settings.model} answers instead"
        )
    left_out.extend(_files_left_out(exported))
    wanted = {**exported, "tools": tools}
    return Imported(assistant=create(here, caller, wanted), taken=taken, left_out=left_out)


def _files_left_out(exported: Mapping[str, Any]) -> list[str]:
    resources = _part(exported, "tool_resources")
    stores = _names(_part(resources, "file_search").get("vector_store_ids"))
    files = _names(_part(resources, "code_interpreter").get("file_ids"))
    old = _names(exported.get("file_ids"))
    left = [f"vector store {each}: its files lie at OpenAI; upload them to the assistant" for each in stores]
    return left + [f"file {each}: it lies at OpenAI; upload it to the assistant" for each in [*files, *old]]


def _drop_unread(here: Installation, before: Assistant, after: Assistant) -> None:
    """The empty base that a new assistant was made with is of no use once it reads a vector store."""
    dropped = [base for base in before.knowledge_bases if base not in after.knowledge_bases]
    for record in here.store.knowledge_bases.some(before.team_id, dropped):
        readers = here.store.knowledge_bases.readers(before.team_id, record.id)
        if record.own and not readers and not here.bases.get(before.team_id, record.id).count():
            here.store.knowledge_bases.delete(before.team_id, record.slug)
            here.bases.delete(before.team_id, record.id)


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a file from outside, whatever may stand there."""
    found = of.get(name)
    return found if isinstance(found, Mapping) else {}


def _names(found: Any) -> list[str]:
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _answer_from(tools: Sequence[Mapping[str, Any]]) -> str:
    """With file search the files come first; without it the model speaks freely."""
    searches = any(tool.get("type") == "file_search" for tool in tools)
    return str(AnswerFrom.KNOWLEDGE_FIRST if searches else AnswerFrom.ANYTHING)


def _notes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _KEPT if name in given and given[name] is not None}
