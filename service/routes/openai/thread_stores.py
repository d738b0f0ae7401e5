"""Vector stores that assistants and threads bring along, and files that messages attach."""

from collections.abc import Sequence

from service.access import NotAllowed
from service.installation import Installation
from service.records import Caller, Role
from service.routes.openai.thread_shapes import MessageIn, ToolResources
from service.vector_stores import Wanted, attach, create, find, store_id

_ATTACHED_LAST_DAYS = 7  # after their last use, as at OpenAI


def stores_wanted(
    here: Installation, caller: Caller, resources: ToolResources | None, *, name: str
) -> list[str]:
    """The vector stores that are named, and those that are made along the way.

    Raises NotAllowed, VectorStoreNotFound and FileNotFound.
    """
    if resources is None or resources.file_search is None:
        return []
    search = resources.file_search
    named = [store_id(find(here, caller, each).id) for each in search.vector_store_ids or ()]
    if named or search.vector_stores:
        _refuse_viewer(caller)
    made = []
    for new in search.vector_stores:
        chunking = new.chunking_strategy.kept() if new.chunking_strategy else None
        wanted = [Wanted(file_id=each, chunking=chunking) for each in dict.fromkeys(new.file_ids)]
        made.append(_make(here, caller, name, wanted, new.metadata or {}, expires_days=None))
    return named + made


def attached(
    here: Installation, caller: Caller, messages: Sequence[MessageIn], stores: Sequence[str]
) -> list[str]:
    """Put what messages attach for file search into the thread's store, made when it has none.

    The thread's stores. Raises NotAllowed and FileNotFound.
    """
    files = [
        attachment.file_id
        for message in messages
        for attachment in message.attachments or ()
        if any(tool.get("type") == "file_search" for tool in attachment.tools)
    ]
    if not files:
        return list(stores)
    _refuse_viewer(caller)
    wanted = [Wanted(file_id=each) for each in dict.fromkeys(files)]
    if stores:
        attach(here, caller, find(here, caller, stores[0]), wanted)
        return list(stores)
    return [_make(here, caller, "Attachments", wanted, {}, expires_days=_ATTACHED_LAST_DAYS)]


def _make(
    here: Installation,
    caller: Caller,
    name: str,
    wanted: Sequence[Wanted],
    metadata: dict[str, str],
    *,
    expires_days: int | None,
) -> str:
    record = create(here, caller, name)
    try:
        attach(here, caller, record, wanted)
    except BaseException:
        here.store.knowledge_bases.delete(caller.team.id, record.slug)
        here.bases.delete(caller.team.id, record.id)
        raise
    notes = {"metadata": metadata, "expires_days": expires_days}
    here.store.vector_stores.note(caller.team.id, record.id, notes)
    return store_id(record.id)


def _refuse_viewer(caller: Caller) -> None:
    """A thread reads what it names, so naming it needs the right to read all of it."""
    if not caller.role.covers(Role.EDITOR):
        raise NotAllowed(
            "Vector stores and attachments need the role editor; ask an owner of the team, or leave them out."
        )
