"""Conversations and their turns. A turn is stored whole or not at all."""

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, update

from service.records import Caller, Conversation, Turn
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import (
    assistants,
    conversations,
    responses,
    thread_messages,
    threads,
    turn_sources,
    turns,
)

_TITLE = 60  # characters


class ConversationNotFound(Exception):
    """The caller has no such conversation; leave `conversation` out or say "new"."""


class Conversations:
    """Queries about conversations; every one takes the caller, who sees only their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, caller: Caller, conversation_id: str) -> Conversation:
        """Raises ConversationNotFound."""
        with self._database.read() as connection:
            return _conversation(_find(connection, caller, conversation_id))

    def page(
        self, caller: Caller, window: Window, *, assistant: str | None = None, words: str = ""
    ) -> tuple[list[Conversation], bool]:
        """One page of conversations that hold a turn, and whether more follow; `assistant` is a slug.

        With `words`, those that hold every one of them, in the title, a question or an answer.
        """
        begun = select(turns.c.id).where(turns.c.conversation_id == conversations.c.id)
        query = _mine(caller).where(begun.exists())
        if assistant:
            query = query.where(assistants.c.slug == assistant)
        for word in unicodedata.normalize("NFC", words).split():
            query = query.where(_says(word))
        with self._database.read() as connection:
            rows, more = page_of(connection, query, conversations, window, by="updated_at")
            return [_conversation(row) for row in rows], more

    def turns(self, caller: Caller, conversation_id: str) -> list[Turn]:
        """All turns, oldest first."""
        query = select(turns).where(
            turns.c.team_id == caller.team.id, turns.c.conversation_id == conversation_id
        )
        with self._database.read() as connection:
            _find(connection, caller, conversation_id)
            return [_turn(row) for row in connection.execute(query.order_by(turns.c.position))]

    def create(self, caller: Caller, assistant_id: str, *, metadata: Mapping[str, Any]) -> Conversation:
        """An empty conversation; the first answer moves it to the assistant that gave it."""
        conversation_id = new_conversation_id()
        with self._database.write() as connection:
            _create(connection, caller, assistant_id, conversation_id, "", metadata)
            return _conversation(_find(connection, caller, conversation_id))

    def change(self, caller: Caller, conversation_id: str, *, metadata: Mapping[str, Any]) -> Conversation:
        """Replace the client's own words about it. Raises ConversationNotFound."""
        with self._database.write() as connection:
            _find(connection, caller, conversation_id, lock=True)
            connection.execute(
                update(conversations)
                .where(conversations.c.team_id == caller.team.id, conversations.c.id == conversation_id)
                .values(metadata=dict(metadata))
            )
            return _conversation(_find(connection, caller, conversation_id))

    def add_turn(
        self, caller: Caller, assistant_id: str, conversation_id: str, turn: Turn, *, new: bool = False
    ) -> None:
        """Store the turn; with `new`, begin the conversation with it. Raises ConversationNotFound.

        A turn that was stored while it waited for results of the client's tools is replaced.
        """
        team_id = caller.team.id
        with self._database.write() as connection:
            if new:
                _create(connection, caller, assistant_id, conversation_id, turn.question)
            else:
                # Turns that end at the same moment take their positions one after the other.
                _find(connection, caller, conversation_id, lock=True)
            mine = (turns.c.team_id == team_id, turns.c.conversation_id == conversation_id)
            changed: dict[str, Any] = {"updated_at": now()}
            if not new and not connection.scalar(select(func.count()).where(*mine)):
                changed |= {"assistant_id": assistant_id, "title": _title(turn.question)}
            position = connection.scalar(select(turns.c.position).where(*mine, turns.c.id == turn.id))
            connection.execute(delete(turns).where(*mine, turns.c.id == turn.id))
            _insert_turn(connection, team_id, conversation_id, turn, position)
            connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(**changed)
            )

    def extend_turn(
        self,
        caller: Caller,
        conversation_id: str,
        turn_id: str,
        *,
        text: str,
        citations: list[dict[str, Any]],
        actions: list[dict[str, Any]],
    ) -> None:
        """The rest of an answer that had stopped: its text, with citations that count from its beginning.

        Raises ConversationNotFound, also when the turn is gone.
        """
        mine = (turns.c.team_id == caller.team.id, turns.c.conversation_id == conversation_id)
        with self._database.write() as connection:
            _find(connection, caller, conversation_id, lock=True)
            row = connection.execute(select(turns).where(*mine, turns.c.id == turn_id)).first()
            if row is None:
                raise ConversationNotFound(f"The conversation {conversation_id!r} has lost this turn.")
            before = f"{row.answer}\n\n" if row.answer else ""
            moved = [
                each | {"start": each["start"] + len(before), "end": each["end"] + len(before)}
                for each in citations
            ]
            connection.execute(
                update(turns)
                .where(*mine, turns.c.id == turn_id)
                .values(answer=before + text, citations=[*row.citations, *moved], actions=actions)
            )
            connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(updated_at=now())
            )

    def change_turn(self, caller: Caller, conversation_id: str, turn: Turn) -> None:
        """Replace a turn where it stands, or take it away when nothing is left of it."""
        team_id = caller.team.id
        with self._database.write() as connection:
            _find(connection, caller, conversation_id, lock=True)
            mine = (turns.c.team_id == team_id, turns.c.conversation_id == conversation_id)
            position = connection.scalar(select(turns.c.position).where(*mine, turns.c.id == turn.id))
            connection.execute(delete(turns).where(*mine, turns.c.id == turn.id))
            if position is not None and (turn.question or turn.answer or turn.tool_messages):
                _insert_turn(connection, team_id, conversation_id, turn, position)

    def rename(self, caller: Caller, conversation_id: str, title: str) -> Conversation:
        """Raises ConversationNotFound."""
        with self._database.write() as connection:
            _find(connection, caller, conversation_id, lock=True)
            connection.execute(
                update(conversations)
                .where(conversations.c.team_id == caller.team.id, conversations.c.id == conversation_id)
                .values(title=title)
            )
            return _conversation(_find(connection, caller, conversation_id))

    def drop_older(self, team_id: str, moment: datetime, *, at_most: int) -> int:
        """Delete what the team last said before the moment: conversations, responses, threads; how many."""
        said_since = select(thread_messages.c.id).where(
            thread_messages.c.thread_id == threads.c.id, thread_messages.c.created_at >= moment
        )
        old = (
            (conversations, conversations.c.updated_at < moment),
            (responses, responses.c.created_at < moment),
            (threads, (threads.c.created_at < moment) & ~said_since.exists()),
        )
        dropped = 0
        for table, before in old:
            some = select(table.c.id).where(table.c.team_id == team_id, before).limit(at_most)
            with self._database.write() as connection:
                ids = list(connection.scalars(some))
                if ids:
                    gone = delete(table).where(table.c.team_id == team_id, table.c.id.in_(ids), before)
                    dropped += connection.execute(gone).rowcount
        return dropped

    def delete(self, caller: Caller, conversation_id: str) -> None:
        """Raises ConversationNotFound."""
        with self._database.write() as connection:
            _find(connection, caller, conversation_id)
            connection.execute(
                delete(conversations).where(
                    conversations.c.team_id == caller.team.id, conversations.c.id == conversation_id
                )
            )

    def forget_document(self, team_id: str, document_id: str) -> int:
        """Take the text of a deleted document out of stored answers; how many answers that were.

        An answer that quotes the document keeps its question, and says what it rested on.
        """
        cited = select(turn_sources.c.turn_id).where(
            turn_sources.c.team_id == team_id, turn_sources.c.document_id == document_id
        )
        with self._database.write() as connection:
            rows = list(
                connection.execute(select(turns).where(turns.c.team_id == team_id, turns.c.id.in_(cited)))
            )
            for row in rows:
                connection.execute(
                    update(turns).where(turns.c.id == row.id).values(**_without(row, document_id))
                )
            connection.execute(
                delete(turn_sources).where(
                    turn_sources.c.team_id == team_id, turn_sources.c.document_id == document_id
                )
            )
        return len(rows)


def new_conversation_id() -> str:
    """An id for a conversation that its first turn will begin."""
    return new_id("conv")


def new_turn_id() -> str:
    """An id for a turn before it is stored."""
    return new_id("turn")


def new_turn(
    *,
    question: str,
    answer: str,
    citations: list[dict[str, Any]],
    retrieval: dict[str, Any],
    model: str,
    actions: list[dict[str, Any]] | None = None,
    tool_messages: list[dict[str, Any]] | None = None,
    id: str | None = None,
) -> Turn:
    """A turn made now, with a new id or the given one."""
    return Turn(
        id=id or new_turn_id(),
        question=question,
        answer=answer,
        citations=citations,
        retrieval=retrieval,
        model=model,
        created_at=now(),
        actions=actions or [],
        tool_messages=tool_messages or [],
    )


def _without(row: Row[Any], document_id: str) -> dict[str, Any]:
    names = {
        source["document"]["name"]
        for source in (*row.citations, *row.retrieval.get("passages", ()))
        if source["document"]["id"] == document_id
    }
    retrieval = dict(row.retrieval)
    retrieval["passages"] = [
        passage for passage in retrieval.get("passages", ()) if passage["document"]["id"] != document_id
    ]
    name = next(iter(names), document_id)
    return {
        "answer": f"[This answer rested on “{name}”, which has been deleted.]",
        "citations": [],
        "retrieval": retrieval,
        "tool_messages": [],
    }


def _says(word: str) -> ColumnElement[bool]:
    """Whether a conversation holds the word, or a part of a word, in capitals or not."""
    said = select(turns.c.id).where(
        turns.c.conversation_id == conversations.c.id,
        or_(
            turns.c.question.icontains(word, autoescape=True), turns.c.answer.icontains(word, autoescape=True)
        ),
    )
    return or_(conversations.c.title.icontains(word, autoescape=True), said.exists())


def _mine(caller: Caller) -> Any:
    query = (
        select(conversations, assistants.c.slug.label("assistant"))
        .join_from(conversations, assistants, conversations.c.assistant_id == assistants.c.id)
        .where(conversations.c.team_id == caller.team.id, conversations.c.member == caller.member)
    )
    return query if caller.assistants is None else query.where(assistants.c.id.in_(caller.assistants))


def _find(connection: Connection, caller: Caller, conversation_id: str, *, lock: bool = False) -> Row[Any]:
    query = _mine(caller).where(conversations.c.id == conversation_id)
    row = connection.execute(query.with_for_update(of=conversations) if lock else query).first()
    if row is None:
        raise ConversationNotFound(
            f"The conversation {conversation_id!r} does not exist; start one with “new”."
        )
    return row


def _create(
    connection: Connection,
    caller: Caller,
    assistant_id: str,
    conversation_id: str,
    question: str,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    moment = now()
    connection.execute(
        insert(conversations).values(
            id=conversation_id,
            team_id=caller.team.id,
            member=caller.member,
            assistant_id=assistant_id,
            title=_title(question),
            metadata=dict(metadata or {}),
            created_at=moment,
            updated_at=moment,
        )
    )


def _title(question: str) -> str:
    title = " ".join(question.split())
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"


def _insert_turn(
    connection: Connection, team_id: str, conversation_id: str, turn: Turn, position: int | None = None
) -> None:
    last = connection.scalar(
        select(func.max(turns.c.position)).where(turns.c.conversation_id == conversation_id)
    )
    values = {name: getattr(turn, name) for name in Turn.__dataclass_fields__}
    connection.execute(
        insert(turns).values(
            **values, team_id=team_id, conversation_id=conversation_id, position=position or (last or 0) + 1
        )
    )
    sources = (*turn.citations, *turn.retrieval.get("passages", ()))
    for document_id in {source["document"]["id"] for source in sources}:
        connection.execute(
            insert(turn_sources).values(turn_id=turn.id, document_id=document_id, team_id=team_id)
        )


def _conversation(row: Row[Any]) -> Conversation:
    values = {name: getattr(row, name) for name in Conversation.__dataclass_fields__}
    found = Conversation(**values)
    return replace(found, created_at=aware(found.created_at), updated_at=aware(found.updated_at))


def _turn(row: Row[Any]) -> Turn:
    turn = Turn(**{name: getattr(row, name) for name in Turn.__dataclass_fields__})
    return replace(turn, created_at=aware(turn.created_at))
