"""Confirmations and approvals; every query takes the caller, who sees only their own."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import Approval, Caller, StoredConfirmation
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import approvals, assistants, confirmations


class ConfirmationNotFound(Exception):
    """The caller has no such confirmation; GET /api/confirmations lists those that wait."""


class ConfirmationOver(Exception):
    """The confirmation was decided before, or has expired; ask the question again."""


class ApprovalNotFound(Exception):
    """The caller has no such approval; GET /api/approvals lists those they gave."""


class Confirmations:
    """Questions to a member that wait for an answer, and what the member approved for always."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, confirmation: StoredConfirmation) -> None:
        """Keep a question; what expired goes."""
        values = {name: getattr(confirmation, name) for name in StoredConfirmation.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(
                delete(confirmations).where(
                    confirmations.c.team_id == confirmation.team_id, confirmations.c.expires_at < now()
                )
            )
            connection.execute(insert(confirmations).values(**values))

    def get(self, caller: Caller, confirmation_id: str) -> StoredConfirmation:
        """Raises ConfirmationNotFound."""
        with self._database.read() as connection:
            return _confirmation(_find(connection, caller, confirmation_id))

    def page(
        self, caller: Caller, window: Window, *, conversation: str | None = None
    ) -> tuple[list[StoredConfirmation], bool]:
        """One page of those that wait, and whether more follow."""
        query = select(confirmations).where(
            *_mine(caller), confirmations.c.decision.is_(None), confirmations.c.expires_at > now()
        )
        if conversation:
            query = query.where(confirmations.c.conversation_id == conversation)
        with self._database.read() as connection:
            rows, more = page_of(connection, query, confirmations, window)
            return [_confirmation(row) for row in rows], more

    def decide(
        self, caller: Caller, confirmation_id: str, decision: str, *, always: str | None = None
    ) -> StoredConfirmation:
        """Take the decision, once; what it takes to go on is handed over and kept no longer.

        `always`: the operation that is approved along with it. Raises ConfirmationNotFound and
        ConfirmationOver.
        """
        with self._database.write() as connection:
            row = _find(connection, caller, confirmation_id, lock=True)
            if row.decision is not None or row.state is None or aware(row.expires_at) <= now():
                raise ConfirmationOver(ConfirmationOver.__doc__)
            connection.execute(
                update(confirmations)
                .where(*_mine(caller), confirmations.c.id == confirmation_id)
                .values(decision=decision, state=None)
            )
            if always is not None:
                _approve(connection, caller, row.assistant_id, always)
            return _confirmation(row)

    def forget_document(self, team_id: str, document_id: str) -> None:
        """An answer that holds text of a deleted document does not go on."""
        with self._database.write() as connection:
            rows = connection.execute(
                select(confirmations.c.id, confirmations.c.documents).where(
                    confirmations.c.team_id == team_id, confirmations.c.state.is_not(None)
                )
            )
            gone = [row.id for row in rows if document_id in row.documents]
            connection.execute(
                delete(confirmations).where(confirmations.c.team_id == team_id, confirmations.c.id.in_(gone))
            )

    def approved(self, caller: Caller, assistant_id: str) -> frozenset[str]:
        """Operations that the caller approved for always, with this assistant."""
        query = select(approvals.c.operation).where(
            approvals.c.team_id == caller.team.id,
            approvals.c.member == caller.member,
            approvals.c.assistant_id == assistant_id,
        )
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def approvals(self, caller: Caller, window: Window) -> tuple[list[Approval], bool]:
        """One page of what the caller approved for always, and whether more follow."""
        query = (
            select(approvals, assistants.c.slug.label("assistant"))
            .join_from(approvals, assistants, approvals.c.assistant_id == assistants.c.id)
            .where(approvals.c.team_id == caller.team.id, approvals.c.member == caller.member)
        )
        with self._database.read() as connection:
            rows, more = page_of(connection, query, approvals, window)
            return [_approval(row) for row in rows], more

    def withdraw(self, caller: Caller, approval_id: str) -> None:
        """The operation is asked about again. Raises ApprovalNotFound."""
        with self._database.write() as connection:
            gone = connection.execute(
                delete(approvals).where(
                    approvals.c.team_id == caller.team.id,
                    approvals.c.member == caller.member,
                    approvals.c.id == approval_id,
                )
            )
            if not gone.rowcount:
                raise ApprovalNotFound(
                    f"The approval {approval_id!r} does not exist; GET /api/approvals lists those you gave."
                )


def _mine(caller: Caller) -> tuple[Any, Any]:
    return confirmations.c.team_id == caller.team.id, confirmations.c.member == caller.member


def _find(connection: Connection, caller: Caller, confirmation_id: str, *, lock: bool = False) -> Row[Any]:
    query = select(confirmations).where(*_mine(caller), confirmations.c.id == confirmation_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ConfirmationNotFound(
            f"The confirmation {confirmation_id!r} does not exist; GET /api/confirmations lists what waits."
        )
    return row


def _approve(connection: Connection, caller: Caller, assistant_id: str, operation: str) -> None:
    given = {
        "team_id": caller.team.id,
        "member": caller.member,
        "assistant_id": assistant_id,
        "operation": operation,
    }
    known = select(approvals.c.id).where(*(approvals.c[name] == value for name, value in given.items()))
    if connection.scalar(known) is None:
        connection.execute(insert(approvals).values(**given, id=new_id("appr"), created_at=now()))


def _confirmation(row: Row[Any]) -> StoredConfirmation:
    found = StoredConfirmation(
        **{name: getattr(row, name) for name in StoredConfirmation.__dataclass_fields__}
    )
    return replace(found, created_at=aware(found.created_at), expires_at=aware(found.expires_at))


def _approval(row: Row[Any]) -> Approval:
    found = Approval(**{name: getattr(row, name) for name in Approval.__dataclass_fields__})
    return replace(found, created_at=aware(found.created_at))
