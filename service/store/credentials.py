"""From a secret to who holds it: the only place where a Caller is made."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_, select, update

from service.records import Access, AdministratorCaller, Caller, Role
from service.store.engine import Database, aware, now
from service.store.keys import alive, scope_of, sha256_of
from service.store.tables import administrator_keys, keys, members, sessions, teams
from service.store.teams import team_of

_USE_NOTED_EVERY = timedelta(minutes=1)  # so that reading a key does not write on every request


class Credentials:
    """Looks up keys and sessions by what was sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def caller_of_key(self, secret: str) -> Caller | None:
        """Who holds this key; None when it is unknown, revoked or expired."""
        moment = now()
        query = (
            select(
                teams,
                keys.c.id.label("key_id"),
                keys.c.role.label("key_role"),
                keys.c.access,
                keys.c.every_assistant,
                keys.c.member_id,
                keys.c.last_used_at,
                members.c.role.label("member_role"),
            )
            .join_from(keys, teams, keys.c.team_id == teams.c.id)
            .outerjoin(members, members.c.id == keys.c.member_id)
            .where(_opens(sha256_of(secret), moment), *alive(moment))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            scope = None if row.every_assistant else scope_of(connection, row.id, row.key_id)
        self._note_use(keys, row.key_id, row.last_used_at, moment)
        return Caller(
            team=team_of(row),
            role=_lower(row.key_role, row.member_role),
            member=row.member_id or row.key_id,
            access=Access(row.access),
            assistants=scope,
            key=row.key_id,
        )

    def caller_of_session(self, secret: str) -> Caller | None:
        """Who is signed in; None when the session ended or the key that opened it did."""
        moment = now()
        query = (
            select(
                teams,
                sessions.c.id.label("session_id"),
                sessions.c.member_id,
                sessions.c.key_id,
                sessions.c.last_used_at,
                members.c.role.label("member_role"),
                members.c.person_id,
                keys.c.role.label("key_role"),
                keys.c.access,
                keys.c.every_assistant,
                keys.c.member_id.label("key_member_id"),
            )
            .join_from(sessions, teams, sessions.c.team_id == teams.c.id)
            .outerjoin(keys, keys.c.id == sessions.c.key_id)
            .outerjoin(members, or_(members.c.id == sessions.c.member_id, members.c.id == keys.c.member_id))
            .where(sessions.c.sha256 == sha256_of(secret), *_open(moment))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            scoped = row.key_id is not None and not row.every_assistant
            scope = scope_of(connection, row.id, row.key_id) if scoped else None
        self._note_use(sessions, row.session_id, row.last_used_at, moment)
        return Caller(
            team=team_of(row),
            role=_lower(row.key_role, row.member_role),
            member=row.member_id or row.key_member_id or row.key_id,
            access=Access(row.access or Access.WRITE),
            assistants=scope,
            key=row.key_id,
            session=row.session_id,
            person=row.person_id if row.member_id else None,
        )

    def administrator_of_key(self, secret: str) -> AdministratorCaller | None:
        """Which administrator holds this key; None when it is unknown or revoked."""
        moment = now()
        query = select(administrator_keys).where(
            administrator_keys.c.sha256 == sha256_of(secret), administrator_keys.c.revoked_at.is_(None)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        self._note_use(administrator_keys, row.id, row.last_used_at, moment)
        return AdministratorCaller(key=row.id)

    def administrator_of_session(self, secret: str) -> AdministratorCaller | None:
        """Which administrator is signed in; None when the session or the key ended."""
        query = (
            select(sessions.c.id, administrator_keys.c.id.label("key_id"))
            .join_from(sessions, administrator_keys)
            .where(
                sessions.c.sha256 == sha256_of(secret),
                sessions.c.expires_at > now(),
                administrator_keys.c.revoked_at.is_(None),
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return AdministratorCaller(key=row.key_id, session=row.id) if row else None

    def alive(self, digests: Collection[str]) -> set[str]:
        """Those of the secrets with these digests that still open something."""
        moment = now()
        current = select(keys.c.sha256).where(keys.c.sha256.in_(digests), *alive(moment))
        previous = select(keys.c.previous_sha256).where(
            keys.c.previous_sha256.in_(digests), keys.c.previous_until > moment, *alive(moment)
        )
        signed_in = (
            select(sessions.c.sha256)
            .join_from(sessions, teams, sessions.c.team_id == teams.c.id)
            .outerjoin(keys, keys.c.id == sessions.c.key_id)
            .where(sessions.c.sha256.in_(digests), *_open(moment))
        )
        with self._database.read() as connection:
            return {
                digest
                for query in (current, previous, signed_in)
                for digest in connection.scalars(query)
                if digest
            }

    def _note_use(self, table: Table, ident: str, last: datetime | None, moment: datetime) -> None:
        if last is None or moment - aware(last) > _USE_NOTED_EVERY:
            with self._database.write() as connection:
                connection.execute(update(table).where(table.c.id == ident).values(last_used_at=moment))


def _opens(digest: str, moment: datetime) -> ColumnElement[bool]:
    """The key's secret, or the one before its rotation while that still works."""
    return or_(
        keys.c.sha256 == digest, and_(keys.c.previous_sha256 == digest, keys.c.previous_until > moment)
    )


def _open(moment: datetime) -> tuple[Any, ...]:
    return (sessions.c.expires_at > moment, or_(sessions.c.key_id.is_(None), and_(*alive(moment))))


def _lower(key_role: str | None, member_role: str | None) -> Role:
    """A member's key reaches no further than the member."""
    roles = [Role(role) for role in (key_role, member_role) if role]
    return min(roles, key=list(Role).index)
