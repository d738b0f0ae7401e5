"""Actions, accounts at outside services, consents that were begun; every query takes the team."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from service.records import StoredAction
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import action_accounts, action_sign_ins, actions

TEAM = ""  # the member of an account that the whole team has


class ActionNotFound(Exception):
    """The assistant has no such action; GET /api/assistants/{slug}/actions lists those it has."""


class ActionNameTaken(Exception):
    """The assistant has an action of this name; choose another, or change that one."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """A consent that was begun."""

    action_id: str
    member: str
    session: str | None
    secret: str = field(repr=False)  # sealed


class Actions:
    """Queries about actions; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        team_id: str,
        assistant_id: str,
        *,
        name: str,
        spec: str,
        base_url: str | None,
        server: str | None,
    ) -> StoredAction:
        """A new action, without credentials. Raises ActionNameTaken."""
        action_id, moment = new_id("act"), now()
        with self._database.write() as connection:
            taken = select(actions.c.id).where(*_of(team_id, assistant_id), actions.c.name == name)
            if connection.scalar(taken) is not None:
                raise ActionNameTaken(
                    f"The assistant has an action {name}; choose another name or change that one."
                )
            connection.execute(
                insert(actions).values(
                    id=action_id,
                    team_id=team_id,
                    assistant_id=assistant_id,
                    name=name,
                    spec=spec,
                    base_url=base_url,
                    server=server,
                    operations={},
                    auth={},
                    origins=[],
                    secret=None,
                    created_at=moment,
                    updated_at=moment,
                )
            )
        return self.get(team_id, assistant_id, action_id)

    def get(self, team_id: str, assistant_id: str, name_or_id: str) -> StoredAction:
        """By id or by name. Raises ActionNotFound."""
        query = select(actions).where(
            *_of(team_id, assistant_id), (actions.c.id == name_or_id) | (actions.c.name == name_or_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise ActionNotFound(
                f"The assistant has no action {name_or_id!r}; GET …/actions lists those it has."
            )
        return _action(row)

    def by_id(self, team_id: str, action_id: str) -> StoredAction | None:
        """For the end of a consent, which knows the action only by its id; None where it was deleted."""
        query = select(actions).where(actions.c.team_id == team_id, actions.c.id == action_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _action(row) if row else None

    def of_assistant(self, team_id: str, assistant_id: str) -> list[StoredAction]:
        """All of them, oldest first."""
        query = (
            select(actions).where(*_of(team_id, assistant_id)).order_by(actions.c.created_at, actions.c.id)
        )
        with self._database.read() as connection:
            return [_action(row) for row in connection.execute(query)]

    def page(self, team_id: str, assistant_id: str, window: Window) -> tuple[list[StoredAction], bool]:
        """One page of them, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(
                connection, select(actions).where(*_of(team_id, assistant_id)), actions, window
            )
            return [_action(row) for row in rows], more

    def change(self, action: StoredAction, values: Mapping[str, Any]) -> StoredAction:
        """Change columns. New credentials end the accounts that the old ones opened."""
        with self._database.write() as connection:
            connection.execute(
                update(actions)
                .where(actions.c.team_id == action.team_id, actions.c.id == action.id)
                .values(**values, updated_at=now())
            )
            if "auth" in values or "secret" in values:
                for table in (action_accounts, action_sign_ins):
                    connection.execute(
                        delete(table).where(table.c.team_id == action.team_id, table.c.action_id == action.id)
                    )
        return self.get(action.team_id, action.assistant_id, action.id)

    def delete(self, action: StoredAction) -> None:
        """Delete it, with its credentials and accounts."""
        with self._database.write() as connection:
            connection.execute(
                delete(actions).where(actions.c.team_id == action.team_id, actions.c.id == action.id)
            )

    # Accounts

    def account(self, team_id: str, action_id: str, member: str) -> str | None:
        """The sealed token of this member; None where they have none."""
        with self._database.read() as connection:
            return connection.scalar(
                select(action_accounts.c.secret).where(*_account(team_id, action_id, member))
            )

    def keep_account(self, team_id: str, action_id: str, member: str, secret: str) -> None:
        """Keep a sealed token, instead of the one before."""
        with self._database.write() as connection:
            connection.execute(delete(action_accounts).where(*_account(team_id, action_id, member)))
            connection.execute(
                insert(action_accounts).values(
                    action_id=action_id, member=member, team_id=team_id, secret=secret, updated_at=now()
                )
            )

    def forget_account(self, team_id: str, action_id: str, member: str) -> bool:
        """Whether there was one."""
        with self._database.write() as connection:
            gone = connection.execute(delete(action_accounts).where(*_account(team_id, action_id, member)))
            return gone.rowcount > 0

    # Consents

    def begin_sign_in(self, team_id: str, sign_in: SignIn, *, sha256: str, lasts: timedelta) -> None:
        """Note a consent; those that were never ended are swept out."""
        moment = now()
        with self._database.write() as connection:
            connection.execute(delete(action_sign_ins).where(action_sign_ins.c.expires_at < moment))
            connection.execute(
                insert(action_sign_ins).values(
                    sha256=sha256,
                    team_id=team_id,
                    action_id=sign_in.action_id,
                    member=sign_in.member,
                    session=sign_in.session,
                    secret=sign_in.secret,
                    expires_at=moment + lasts,
                )
            )

    def end_sign_in(self, team_id: str, member: str, *, sha256: str) -> SignIn | None:
        """The consent that this member began, once; None where there is none."""
        query = (
            delete(action_sign_ins)
            .where(
                action_sign_ins.c.sha256 == sha256,
                action_sign_ins.c.team_id == team_id,
                action_sign_ins.c.member == member,
                action_sign_ins.c.expires_at > now(),
            )
            .returning(action_sign_ins)
        )
        with self._database.write() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return SignIn(action_id=row.action_id, member=row.member, session=row.session, secret=row.secret)


def _of(team_id: str, assistant_id: str) -> tuple[Any, ...]:
    return (actions.c.team_id == team_id, actions.c.assistant_id == assistant_id)


def _account(team_id: str, action_id: str, member: str) -> tuple[Any, ...]:
    table = action_accounts.c
    return (table.team_id == team_id, table.action_id == action_id, table.member == member)


def _action(row: Row[Any]) -> StoredAction:
    values = {name: getattr(row, name) for name in StoredAction.__dataclass_fields__}
    values |= {name: aware(value) for name, value in values.items() if isinstance(value, datetime)}
    return StoredAction(**{**values, "origins": tuple(row.origins)})
