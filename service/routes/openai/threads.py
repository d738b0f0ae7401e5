"""/v1/threads and their messages."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request

from service.access import TheInstallation, Viewer
from service.installation import Installation
from service.records import Caller, Thread, ThreadMessage
from service.routes.openai.running import TheRuns
from service.routes.openai.thread_shapes import (
    GoneOut,
    MessageIn,
    MessageOut,
    MetadataIn,
    ThreadChange,
    ThreadIn,
    ThreadOut,
    listing,
    message_out,
    thread_out,
)
from service.routes.openai.thread_stores import attached, stores_wanted
from service.routes.shapes import Listing, PageWindow, errors
from service.store.threads import new_message, thread_missing


def own_thread(request: Request, here: TheInstallation, caller: Viewer) -> None:
    """A thread of another person, or outside of the key's scope, does not exist."""
    thread_id = request.path_params.get("thread_id")
    if thread_id is None:
        return
    here.store.threads.get(caller.team.id, thread_id)
    if not here.store.belongings.may_see_thread(caller, thread_id):
        raise thread_missing(thread_id)


OWN_THREADS = [Depends(own_thread)]
router = APIRouter(prefix="/v1/threads", tags=["openai"], dependencies=OWN_THREADS)

_EMPTY = ThreadIn()  # a client may send no body at all


@router.post("", responses=errors(400, 404))
def create_thread(here: TheInstallation, caller: Viewer, body: ThreadIn = _EMPTY) -> ThreadOut:
    """A new thread; files that its messages attach are read into a vector store of its own."""
    return ThreadOut.model_validate(thread_out(made_thread(here, caller, body)))


@router.get("/{thread_id}", responses=errors(404))
def get_thread(here: TheInstallation, caller: Viewer, thread_id: str) -> ThreadOut:
    """One thread. A person's threads are their own, those of a key without a person the team's."""
    return ThreadOut.model_validate(thread_out(here.store.threads.get(caller.team.id, thread_id)))


@router.post("/{thread_id}", responses=errors(400, 404))
def change_thread(here: TheInstallation, caller: Viewer, thread_id: str, body: ThreadChange) -> ThreadOut:
    """Change its metadata or its vector stores."""
    team = caller.team.id
    here.store.threads.get(team, thread_id)
    values: dict[str, Any] = {}
    if "metadata" in body.model_fields_set:
        values["metadata"] = body.metadata or {}
    if "tool_resources" in body.model_fields_set:
        values["vector_stores"] = stores_wanted(here, caller, body.tool_resources, name="Thread")
    return ThreadOut.model_validate(thread_out(here.store.threads.change(team, thread_id, **values)))


@router.delete("/{thread_id}", responses=errors(404))
def delete_thread(here: TheInstallation, caller: Viewer, thread_id: str) -> GoneOut:
    """Delete a thread with its messages and runs; vector stores of attachments end seven days later."""
    here.store.threads.delete(caller.team.id, thread_id)
    here.store.belongings.drop(caller.team.id, thread_id)
    here.store.database.forget_deleted()
    return GoneOut(id=thread_id, object="thread.deleted")


@router.post("/{thread_id}/messages", responses=errors(400, 404))
async def add_message(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, body: MessageIn
) -> MessageOut:
    """Say something in a thread; not while a run is at work on it."""
    await runs.free(caller.team.id, thread_id)
    return await to_thread.run_sync(_add, here, caller, thread_id, body)


@router.get("/{thread_id}/messages", responses=errors(400, 404))
def list_messages(
    here: TheInstallation,
    caller: Viewer,
    thread_id: str,
    window: PageWindow,
    run_id: Annotated[str | None, Query(description="Only messages of this run")] = None,
) -> Listing[MessageOut]:
    """The messages of a thread, the newest first."""
    found, more = here.store.threads.messages(caller.team.id, thread_id, window, run_id=run_id)
    return Listing[MessageOut].model_validate(listing([message_out(each) for each in found], more))


@router.get("/{thread_id}/messages/{message_id}", responses=errors(404))
def get_message(here: TheInstallation, caller: Viewer, thread_id: str, message_id: str) -> MessageOut:
    """One message; an assistant's has `file_citation` annotations with page and quote."""
    found = here.store.threads.message(caller.team.id, thread_id, message_id)
    return MessageOut.model_validate(message_out(found))


@router.post("/{thread_id}/messages/{message_id}", responses=errors(404))
def change_message(
    here: TheInstallation, caller: Viewer, thread_id: str, message_id: str, body: MetadataIn
) -> MessageOut:
    """Change its metadata."""
    threads = here.store.threads
    found = threads.change_message(caller.team.id, thread_id, message_id, body.metadata or {})
    return MessageOut.model_validate(message_out(found))


@router.delete("/{thread_id}/messages/{message_id}", responses=errors(404))
def delete_message(here: TheInstallation, caller: Viewer, thread_id: str, message_id: str) -> GoneOut:
    """Delete a message."""
    here.store.threads.delete_message(caller.team.id, thread_id, message_id)
    here.store.database.forget_deleted()
    return GoneOut(id=message_id, object="thread.message.deleted")


def made_thread(here: Installation, caller: Caller, body: ThreadIn) -> Thread:
    """A thread as the client wants it. Raises what its stores and its content raise."""
    messages = [client_message(each) for each in body.messages]
    stores = stores_wanted(here, caller, body.tool_resources, name="Thread")
    stores = attached(here, caller, body.messages, stores)
    made = here.store.threads.create(
        caller.team.id, metadata=body.metadata or {}, vector_stores=stores, messages=messages
    )
    here.store.belongings.take_thread(caller, made.id)
    return made


def client_message(body: MessageIn, thread_id: str = "") -> ThreadMessage:
    """A message of the client, not stored yet. Raises UnusableContent."""
    return new_message(
        role=body.role,
        content=body.parts(),
        thread_id=thread_id,
        attachments=[each.model_dump() for each in body.attachments or ()],
        metadata=body.metadata,
    )


def bring_along(here: Installation, caller: Caller, thread: Thread, bodies: list[MessageIn]) -> None:
    """Put what the messages attach into the thread's store."""
    stores = attached(here, caller, bodies, thread.vector_stores)
    if stores != thread.vector_stores:
        here.store.threads.change(thread.team_id, thread.id, vector_stores=stores)


def _add(here: Installation, caller: Caller, thread_id: str, body: MessageIn) -> MessageOut:
    thread = here.store.threads.get(caller.team.id, thread_id)
    message = client_message(body, thread_id)
    bring_along(here, caller, thread, [body])
    here.store.threads.add_messages(caller.team.id, [message])
    return MessageOut.model_validate(message_out(message))
