"""/v1/conversations: the conversations that the page shows, as items."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import TheInstallation, Viewer, find_assistant, find_assistants
from service.installation import Installation
from service.records import Caller, Conversation, Turn
from service.routes.openai.items import (
    ItemNotFound,
    input_items,
    items_of,
    turns_of,
    without_item,
)
from service.routes.openai.response_shapes import Metadata, UnusableRequest
from service.routes.openai.responses import ItemsOut, items_page
from service.routes.shapes import PageWindow, errors, seconds
from service.store.pages import Window

router = APIRouter(prefix="/v1/conversations", tags=["openai"])

_EXAMPLE: dict[str, Any] = {
    "id": "conv_0123456789abcdef01234567",
    "object": "conversation",
    "created_at": 1795478400,
    "metadata": {"topic": "leave"},
}
_ITEM: dict[str, Any] = {
    "id": "msg_0123456789abcdef01234567_q",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_text", "text": "How many days of annual leave do I have?"}],
}
_GIVEN: dict[str, Any] = {
    "type": "message",
    "role": "user",
    "content": "How many days of annual leave do I have?",
}
_MOST_AT_ONCE = 20

GivenItems = Annotated[list[dict[str, Any]], Field(max_length=_MOST_AT_ONCE)]


class ConversationIn(BaseModel):
    """A new conversation."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"example": {"metadata": {"topic": "leave"}, "items": [_GIVEN]}}
    )
    items: GivenItems | None = None
    metadata: Metadata | None = None
    model: str | None = Field(
        None, description="The assistant (Doumi's own field); else the first one that answers in it"
    )


class ConversationChangeIn(BaseModel):
    """What a client notes about a conversation."""

    model_config = ConfigDict(json_schema_extra={"example": {"metadata": {"topic": "leave"}}})
    metadata: Metadata


class ItemsIn(BaseModel):
    """Items for the end of a conversation."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"items": [_GIVEN]}})
    items: Annotated[GivenItems, Field(min_length=1)]


class ConversationOut(BaseModel):
    """A conversation, without what is said in it."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, Any]


class ConversationDeletedOut(BaseModel):
    """A conversation that is gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": _EXAMPLE["id"], "object": "conversation.deleted", "deleted": True}
        }
    )
    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class ItemOut(BaseModel):
    """One item; what it holds depends on its type."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _ITEM})
    id: str
    type: str


@router.post("", responses=errors(400, 404))
def create_conversation(here: TheInstallation, caller: Viewer, body: ConversationIn) -> ConversationOut:
    """Begin a conversation. It belongs to the assistant that first answers in it."""
    turns = turns_of(input_items(body.items)) if body.items else []
    assistant = _assistant(here, caller, body.model)
    made = here.store.conversations.create(caller, assistant, metadata=body.metadata or {})
    for turn in turns:
        here.store.conversations.add_turn(caller, assistant, made.id, turn)
    return _out(made)


@router.get("/{conversation_id}", responses=errors(404))
def get_conversation(here: TheInstallation, caller: Viewer, conversation_id: str) -> ConversationOut:
    """One conversation; its items have a list of their own."""
    return _out(here.store.conversations.get(caller, conversation_id))


@router.post("/{conversation_id}", responses=errors(404))
def update_conversation(
    here: TheInstallation, caller: Viewer, conversation_id: str, body: ConversationChangeIn
) -> ConversationOut:
    """Replace the client's metadata."""
    return _out(here.store.conversations.change(caller, conversation_id, metadata=body.metadata))


@router.delete("/{conversation_id}", responses=errors(404))
def delete_conversation(
    here: TheInstallation, caller: Viewer, conversation_id: str
) -> ConversationDeletedOut:
    """Delete a conversation with its items."""
    here.store.conversations.delete(caller, conversation_id)
    here.store.database.forget_deleted()
    return ConversationDeletedOut(id=conversation_id)


@router.post("/{conversation_id}/items", responses=errors(400, 404))
def create_items(here: TheInstallation, caller: Viewer, conversation_id: str, body: ItemsIn) -> ItemsOut:
    """Add up to 20 items at the end."""
    conversation = here.store.conversations.get(caller, conversation_id)
    turns = turns_of(input_items(body.items))
    for turn in turns:
        here.store.conversations.add_turn(caller, conversation.assistant_id, conversation_id, turn)
    items = [item for turn in turns for item in items_of(turn)]
    return items_page(items, Window(limit=len(items), order="asc"))


@router.get("/{conversation_id}/items", responses=errors(400, 404))
def list_items(here: TheInstallation, caller: Viewer, conversation_id: str, window: PageWindow) -> ItemsOut:
    """What was said, newest first unless `order=asc`."""
    turns = here.store.conversations.turns(caller, conversation_id)
    return items_page((item for turn in turns for item in items_of(turn)), window)


@router.get("/{conversation_id}/items/{item_id}", responses=errors(404))
def get_item(here: TheInstallation, caller: Viewer, conversation_id: str, item_id: str) -> ItemOut:
    """One item of a conversation."""
    _, item = _find(here.store.conversations.turns(caller, conversation_id), item_id)
    return ItemOut(**item)


@router.delete("/{conversation_id}/items/{item_id}", responses=errors(404))
def delete_item(here: TheInstallation, caller: Viewer, conversation_id: str, item_id: str) -> ConversationOut:
    """Take one item out of a conversation, which is returned."""
    turn, _ = _find(here.store.conversations.turns(caller, conversation_id), item_id)
    here.store.conversations.change_turn(caller, conversation_id, without_item(turn, item_id))
    here.store.database.forget_deleted()
    return _out(here.store.conversations.get(caller, conversation_id))


def _assistant(here: Installation, caller: Caller, model: str | None) -> str:
    """Id of the assistant that a new conversation is put under until one answers in it."""
    if model:
        return find_assistant(here, caller, model).id
    found, _ = find_assistants(here, caller, Window(limit=1, order="asc"))
    if not found:
        raise UnusableRequest("The team has no assistant to talk with yet; make one, then begin.")
    return found[0].id


def _find(turns: list[Turn], item_id: str) -> tuple[Turn, dict[str, Any]]:
    def all_items() -> Iterator[tuple[Turn, dict[str, Any]]]:
        for turn in turns:
            for item in items_of(turn):
                yield turn, item

    for turn, item in all_items():
        if item["id"] == item_id:
            return turn, item
    raise ItemNotFound(f"The conversation has no item {item_id!r}; list its items to see those it has.")


def _out(conversation: Conversation) -> ConversationOut:
    return ConversationOut(
        id=conversation.id,
        created_at=seconds(conversation.created_at),
        metadata=conversation.metadata,
    )
