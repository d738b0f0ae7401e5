"""Keys of teams and of administrators. Secrets are kept only as SHA-256."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from service.records import Access, AdministratorKey, Key, Role
from service.store.assistants import AssistantNotFound
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import administrator_keys, assistants, key_assistants, keys

KEY_PREFIX = "sk-doumi-"
ADMINISTRATOR_PREFIX = "sk-doumi-admin-"


class KeyNotFound(Exception):
    """The team has no such key; GET /api/keys lists those it has."""


class KeyNotUsable(Exception):
    """The key was revoked or has expired; make a new one."""


def sha256_of(secret: str) -> str:
    """What is stored of a secret: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """Queries about keys; those of a team take the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        team_id: str,
        *,
        name: str,
        role: Role,
        access: Access = Access.WRITE,
        assistants: Sequence[str] | None = None,
        member_id: str | None = None,
        secret: str | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """The key and its secret, which is told only this once; `assistants` are the slugs of its scope.

        Raises AssistantNotFound.
        """
        secret = secret or KEY_PREFIX + secrets.token_urlsafe(32)
        key_id = new_id("key")
        with self._database.write() as connection:
            connection.execute(
                insert(keys).values(
                    id=key_id,
                    team_id=team_id,
                    member_id=member_id,
                    name=name,
                    role=role,
                    access=access,
                    every_assistant=assistants is None,
                    prefix=secret[: len(KEY_PREFIX) + 4],
                    sha256=sha256_of(secret),
                    created_at=now(),
                    expires_at=expires_at,
                )
            )
            for assistant_id in _ids_of(connection, team_id, assistants or ()):
                connection.execute(
                    insert(key_assistants).values(key_id=key_id, assistant_id=assistant_id, team_id=team_id)
                )
            return _load(connection, team_id, key_id), secret

    def all(self, team_id: str) -> list[Key]:
        """All keys of the team, oldest first, revoked ones too."""
        with self._database.read() as connection:
            query = select(keys).where(keys.c.team_id == team_id).order_by(keys.c.created_at, keys.c.id)
            return _with_scopes(connection, team_id, list(connection.execute(query)))

    def page(self, team_id: str, window: Window) -> tuple[list[Key], bool]:
        """One page of keys, revoked ones too, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(connection, select(keys).where(keys.c.team_id == team_id), keys, window)
            return _with_scopes(connection, team_id, rows), more

    def get(self, team_id: str, key_id: str) -> Key:
        """Raises KeyNotFound."""
        with self._database.read() as connection:
            return _load(connection, team_id, key_id)

    def revoke(self, team_id: str, key_id: str) -> Key:
        """It stops working at the next request, its running streams end. Raises KeyNotFound."""
        mine = (keys.c.team_id == team_id, keys.c.id == key_id, keys.c.revoked_at.is_(None))
        with self._database.write() as connection:
            connection.execute(update(keys).where(*mine).values(revoked_at=now()))
            return _load(connection, team_id, key_id)

    def rotate(self, team_id: str, key_id: str, *, overlap: timedelta) -> tuple[Key, str]:
        """A new secret for the key, which keeps its id, scope and history; the old one works for `overlap`.

        Raises KeyNotFound and KeyNotUsable.
        """
        secret, moment = KEY_PREFIX + secrets.token_urlsafe(32), now()
        with self._database.write() as connection:
            key = _load(connection, team_id, key_id)
            if key.revoked_at or (key.expires_at and key.expires_at <= moment):
                raise KeyNotUsable("This key was revoked or has expired; make a new one instead.")
            connection.execute(
                update(keys)
                .where(keys.c.team_id == team_id, keys.c.id == key_id)
                .values(
                    sha256=sha256_of(secret),
                    prefix=secret[: len(KEY_PREFIX) + 4],
                    previous_sha256=keys.c.sha256 if overlap else None,
                    previous_until=moment + overlap if overlap else None,
                )
            )
            return _load(connection, team_id, key_id), secret

    def create_administrators(self, *, name: str, secret: str | None = None) -> tuple[AdministratorKey, str]:
        """An administrator's key and its secret, which is told only this once."""
        secret = secret or ADMINISTRATOR_PREFIX + secrets.token_urlsafe(32)
        key_id = new_id("admin")
        with self._database.write() as connection:
            connection.execute(
                insert(administrator_keys).values(
                    id=key_id,
                    name=name,
                    prefix=secret[: len(ADMINISTRATOR_PREFIX) + 4],
                    sha256=sha256_of(secret),
                    created_at=now(),
                )
            )
            query = select(administrator_keys).where(administrator_keys.c.id == key_id)
            return _administrators(connection.execute(query).one()), secret

    def all_administrators(self) -> list[AdministratorKey]:
        """All administrators' keys, oldest first, revoked ones too."""
        query = select(administrator_keys).order_by(administrator_keys.c.created_at)
        with self._database.read() as connection:
            return [_administrators(row) for row in connection.execute(query)]

    def knows_administrators(self, secret: str) -> bool:
        """Whether there is, or was, an administrator's key with this secret."""
        query = select(administrator_keys.c.id).where(administrator_keys.c.sha256 == sha256_of(secret))
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def revoke_administrators(self, key_id: str) -> bool:
        """Whether there was such a key. It stops working at the next request."""
        query = update(administrator_keys).where(administrator_keys.c.id == key_id)
        with self._database.write() as connection:
            return connection.execute(query.values(revoked_at=now())).rowcount > 0


def alive(moment: datetime) -> tuple[Any, ...]:
    """What holds for a key that works."""
    return (keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > moment))


def scope_of(connection: Connection, team_id: str, key_id: str) -> frozenset[str]:
    """Ids of the assistants that a key with a scope may use."""
    query = select(key_assistants.c.assistant_id).where(
        key_assistants.c.team_id == team_id, key_assistants.c.key_id == key_id
    )
    return frozenset(connection.scalars(query))


def _ids_of(connection: Connection, team_id: str, slugs: Sequence[str]) -> list[str]:
    found = {
        row.slug: row.id
        for row in connection.execute(
            select(assistants.c.slug, assistants.c.id).where(
                assistants.c.team_id == team_id, assistants.c.slug.in_(slugs)
            )
        )
    }
    for slug in slugs:
        if slug not in found:
            raise AssistantNotFound(
                f"The assistant {slug!r} does not exist; GET /v1/models lists those that do."
            )
    return list(found.values())


def _load(connection: Connection, team_id: str, key_id: str) -> Key:
    row = connection.execute(select(keys).where(keys.c.team_id == team_id, keys.c.id == key_id)).first()
    if row is None:
        raise KeyNotFound(f"The key {key_id!r} does not exist; GET /api/keys lists those that do.")
    return _with_scopes(connection, team_id, [row])[0]


def _with_scopes(connection: Connection, team_id: str, rows: Sequence[Row[Any]]) -> list[Key]:
    """Keys with the slugs of their scopes."""
    query = (
        select(key_assistants.c.key_id, assistants.c.slug)
        .join_from(key_assistants, assistants, assistants.c.id == key_assistants.c.assistant_id)
        .where(key_assistants.c.team_id == team_id, key_assistants.c.key_id.in_([row.id for row in rows]))
        .order_by(assistants.c.slug)
    )
    scopes: dict[str, tuple[str, ...]] = {}
    for found in connection.execute(query):
        scopes[found.key_id] = (*scopes.get(found.key_id, ()), found.slug)
    return [_key(row, None if row.every_assistant else scopes.get(row.id, ())) for row in rows]


def _key(row: Row[Any], scope: tuple[str, ...] | None) -> Key:
    return Key(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        role=Role(row.role),
        access=Access(row.access),
        assistants=scope,
        member_id=row.member_id,
        prefix=row.prefix,
        created_at=aware(row.created_at),
        expires_at=_aware(row.expires_at),
        revoked_at=_aware(row.revoked_at),
        last_used_at=_aware(row.last_used_at),
        previous_until=_aware(row.previous_until),
    )


def _administrators(row: Row[Any]) -> AdministratorKey:
    return AdministratorKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        created_at=aware(row.created_at),
        revoked_at=_aware(row.revoked_at),
        last_used_at=_aware(row.last_used_at),
    )


def _aware(moment: datetime | None) -> datetime | None:
    return aware(moment) if moment else None
