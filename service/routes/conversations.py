"""Conversations of the caller."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

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


@router.get("", responses=errors(400, 404))
def list_conversations(
    here: TheInstallation,
    caller: Viewer,
    window: PageWindow,
    assistant: Annotated[str | None, Query(description="Only those with this assistant (slug)")] = None,
) -> Listing[ConversationOut]:
    """The caller's conversations, the one used last first."""
    found, more = here.store.conversations.page(caller, window, assistant=assistant)
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
