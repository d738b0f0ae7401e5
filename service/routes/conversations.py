"""Conversations of the caller."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from service.access import TheInstallation, Viewer, may_see_sources
from service.records import Conversation, Turn
from service.routes.shapes import Listing, PageWindow, errors, seconds

router = APIRouter(prefix="/api/conversations", tags=["conversations"])

_EXAMPLE: dict[str, Any] = {
    "id": "conv_0123456789abcdef01234567",
    "object": "conversation",
    "assistant": "handbook",
    "title": "How many days of annual leave do I have?",
    "created_at": 1795478400,
    "updated_at": 1795478460,
}


class TurnOut(BaseModel):
    """A question and its whole answer."""

    id: str
    question: str
    answer: str
    citations: list[dict[str, Any]]
    retrieval: dict[str, Any]
    model: str
    created_at: int
    actions: list[dict[str, Any]]


class ConversationOut(BaseModel):
    """A conversation in a list."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["conversation"] = "conversation"
    assistant: str
    title: str
    created_at: int
    updated_at: int


class WholeConversationOut(ConversationOut):
    """A conversation with its turns, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": _EXAMPLE
            | {
                "turns": [
                    {
                        "id": "turn_0123456789abcdef01234567",
                        "question": "How many days of annual leave do I have?",
                        "answer": "Full-time employees have 15 days in the first year [1].",
                        "citations": [],
                        "retrieval": {"status": "used"},
                        "model": "quote",
                        "created_at": 1795478460,
                        "actions": [],
                    }
                ]
            }
        }
    )
    turns: list[TurnOut]


class TitleIn(BaseModel):
    """What a conversation is called."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"title": "Leave in 2026"}})
    title: Annotated[str, Field(max_length=200, pattern=r"\S")]


_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE | {"turns": []}},
            "text/markdown": {"example": "# How many days of annual leave do I have?\n"},
        },
    }
}


@router.get("", responses=errors(400, 404))
def list_conversations(
    here: TheInstallation,
    caller: Viewer,
    window: PageWindow,
    assistant: Annotated[str | None, Query(description="Only those with this assistant (slug)")] = None,
    q: Annotated[
        str, Query(max_length=200, description="Only those that hold these words, in title or turns")
    ] = "",
) -> Listing[ConversationOut]:
    """The caller's conversations, the one used last first."""
    found, more = here.store.conversations.page(caller, window, assistant=assistant, words=q)
    return Listing(
        data=[ConversationOut(**_fields(conversation)) for conversation in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.get("/{conversation_id}", responses=errors(404))
def get_conversation(here: TheInstallation, caller: Viewer, conversation_id: str) -> WholeConversationOut:
    """One conversation with its turns."""
    conversation = here.store.conversations.get(caller, conversation_id)
    turns = here.store.conversations.turns(caller, conversation_id)
    assistant = here.store.assistants.by_id(caller.team.id, conversation.assistant_id)
    named = may_see_sources(caller, assistant)
    return WholeConversationOut(**_fields(conversation), turns=[_turn(turn, named=named) for turn in turns])


@router.patch("/{conversation_id}", responses=errors(404))
def rename_conversation(
    here: TheInstallation, caller: Viewer, conversation_id: str, body: TitleIn
) -> ConversationOut:
    """Give a conversation another title."""
    title = " ".join(body.title.split())
    return ConversationOut(**_fields(here.store.conversations.rename(caller, conversation_id, title)))


@router.get(
    "/{conversation_id}/export", responses=errors(404) | _EXPORT, response_class=Response, response_model=None
)
def export_conversation(
    here: TheInstallation,
    caller: Viewer,
    conversation_id: str,
    format: Literal["json", "markdown"] = "json",
) -> Response:
    """A conversation as a file: everything as JSON, or as Markdown to be read, with what it cites."""
    whole = get_conversation(here, caller, conversation_id)
    if format == "json":
        body, kind, ending = whole.model_dump_json(indent=2), "application/json", "json"
    else:
        body, kind, ending = _markdown(whole, here.settings.url), "text/markdown; charset=utf-8", "md"
    name = f'attachment; filename="{conversation_id}.{ending}"'
    return Response(body, media_type=kind, headers={"Content-Disposition": name})


@router.delete("/{conversation_id}", status_code=204, responses=errors(404), response_class=Response)
def delete_conversation(here: TheInstallation, caller: Viewer, conversation_id: str) -> None:
    """Delete a conversation with its turns."""
    here.store.conversations.delete(caller, conversation_id)
    here.store.database.forget_deleted()


def _fields(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "assistant": conversation.assistant,
        "title": conversation.title,
        "created_at": seconds(conversation.created_at),
        "updated_at": seconds(conversation.updated_at),
    }


def _turn(turn: Turn, *, named: bool) -> TurnOut:
    """`named`: whether the documents that were found may be."""
    return TurnOut(
        id=turn.id,
        question=turn.question,
        answer=turn.answer,
        citations=turn.citations,
        retrieval=turn.retrieval if named else turn.retrieval | {"passages": []},
        model=turn.model,
        created_at=seconds(turn.created_at),
        actions=turn.actions,
    )


def _markdown(conversation: WholeConversationOut, url: str) -> str:
    """Questions and answers, each answer with the places that it cites."""
    began = datetime.fromtimestamp(conversation.created_at, UTC)
    parts = [f"# {conversation.title}", f"{conversation.assistant}, {began:%Y-%m-%d}"]
    for turn in conversation.turns:
        asked = "\n".join(f"> {line}" for line in turn.question.splitlines())
        parts += [asked, turn.answer]
        cited = {each["label"]: each for each in reversed(turn.citations)}
        places = [_place(cited[label], url) for label in sorted(cited)]
        parts += ["\n".join(places)] if places else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _place(citation: Mapping[str, Any], url: str) -> str:
    quote = " ".join(citation["quote"].split())
    where = f"{citation['document']['name']}, {citation['locator']}"
    return f"- [{citation['label']}] [{_plain(where)}]({url}{citation['url']}): “{quote}”"


def _plain(text: str) -> str:
    """Text for the inside of a link: no brackets of its own."""
    return "".join(f"\\{mark}" if mark in "[]\\" else mark for mark in text)
