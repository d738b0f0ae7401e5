"""Stored responses of OpenAI's Responses API: what went in, and what came of it."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import Caller, ResponseStatus, StoredResponse
from service.store.engine import Database, aware, new_id
from service.store.tables import response_sources, responses

_LONGEST_CHAIN = 200  # responses that are followed back through `previous_response_id`
_RUNNING = (ResponseStatus.QUEUED, ResponseStatus.IN_PROGRESS)
INTERRUPTED = {
    "code": "interrupted",
    "message": "Doumi was stopped while this response was made; create it again.",
}


class ResponseNotFound(Exception):
    """The caller has no such response: it was deleted, or made with `store: false`."""


class Responses:
    """Queries about stored responses; every one takes the caller, who sees only their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, caller: Caller, assistant_id: str, response: StoredResponse) -> None:
        """Store a response, finished or to be finished."""
        values = {name: getattr(response, name) for name in StoredResponse.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(
                insert(responses).values(
                    **values, team_id=caller.team.id, member=caller.member, assistant_id=assistant_id
                )
            )
            _link(connection, caller.team.id, response)

    def get(self, caller: Caller, response_id: str) -> StoredResponse:
        """Raises ResponseNotFound."""
        with self._database.read() as connection:
            return _find(connection, caller, response_id)

    def chain(self, caller: Caller, response_id: str) -> list[StoredResponse]:
        """The response and those that it goes on from, oldest first. Raises ResponseNotFound."""
        with self._database.read() as connection:
            found = [_find(connection, caller, response_id)]
            while (before := found[-1].previous_id) and len(found) < _LONGEST_CHAIN:
                try:
                    found.append(_find(connection, caller, before))
                except ResponseNotFound:
                    break  # deleted since: what is left is what can be gone on from
        return found[::-1]

    def finish(self, caller: Caller, response: StoredResponse) -> bool:
        """What came of a running one; False when it was cancelled or deleted in the meantime."""
        query = (
            update(responses)
            .where(*_mine(caller, response.id), responses.c.status.in_(_RUNNING))
            .values(status=response.status, body=response.body, pieces=response.pieces)
        )
        with self._database.write() as connection:
            finished = connection.execute(query).rowcount > 0
            if finished:
                _link(connection, caller.team.id, response)
            return finished

    def delete(self, caller: Caller, response_id: str) -> None:
        """Raises ResponseNotFound."""
        with self._database.write() as connection:
            _find(connection, caller, response_id)
            connection.execute(delete(responses).where(*_mine(caller, response_id)))

    def fail_interrupted(self) -> int:
        """Mark what an earlier run left running as failed: only for the start, over every team."""
        with self._database.write() as connection:
            rows = list(connection.execute(select(responses).where(responses.c.status.in_(_RUNNING))))
            for row in rows:
                body = row.body | {"status": ResponseStatus.FAILED, "error": INTERRUPTED}
                connection.execute(
                    update(responses)
                    .where(responses.c.id == row.id)
                    .values(status=ResponseStatus.FAILED, body=body)
                )
            return len(rows)

    def forget_document(self, team_id: str, document_id: str) -> int:
        """Take the text of a deleted document out of stored responses; how many those were."""
        resting = select(response_sources.c.response_id).where(
            response_sources.c.team_id == team_id, response_sources.c.document_id == document_id
        )
        with self._database.write() as connection:
            rows = list(
                connection.execute(
                    select(responses).where(responses.c.team_id == team_id, responses.c.id.in_(resting))
                )
            )
            for row in rows:
                connection.execute(
                    update(responses)
                    .where(responses.c.team_id == team_id, responses.c.id == row.id)
                    .values(body=_emptied(row.body), pieces=[])
                )
            connection.execute(
                delete(response_sources).where(
                    response_sources.c.team_id == team_id, response_sources.c.document_id == document_id
                )
            )
        return len(rows)


def new_response_id() -> str:
    """An id for a response, stored or not."""
    return new_id("resp")


def _mine(caller: Caller, response_id: str) -> tuple[Any, ...]:
    mine = (
        responses.c.team_id == caller.team.id,
        responses.c.member == caller.member,
        responses.c.id == response_id,
    )
    return mine if caller.assistants is None else (*mine, responses.c.assistant_id.in_(caller.assistants))


def _find(connection: Connection, caller: Caller, response_id: str) -> StoredResponse:
    row = connection.execute(select(responses).where(*_mine(caller, response_id))).first()
    if row is None:
        raise ResponseNotFound(
            f"The response {response_id!r} does not exist: it was deleted, or made with “store: false”."
        )
    return _response(row)


def _link(connection: Connection, team_id: str, response: StoredResponse) -> None:
    for document_id in set(response.documents):
        connection.execute(
            insert(response_sources).values(response_id=response.id, document_id=document_id, team_id=team_id)
        )


def _emptied(body: dict[str, Any]) -> dict[str, Any]:
    """Without anything that the answer was made of: its calls may carry the text as well as its words."""
    words = "[This answer rested on a document that has been deleted.]"
    part = {"type": "output_text", "text": words, "annotations": [], "logprobs": []}
    message = {
        "id": next((item["id"] for item in body["output"] if item["type"] == "message"), new_id("msg")),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return body | {"output": [message], "retrieval": None, "actions": []}


def _response(row: Row[Any]) -> StoredResponse:
    found = StoredResponse(**{name: getattr(row, name) for name in StoredResponse.__dataclass_fields__})
    return replace(found, status=ResponseStatus(found.status), created_at=aware(found.created_at))
