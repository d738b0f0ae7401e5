"""Teams, members, keys and sessions. Secrets are kept only as SHA-256."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from service.records import Caller, Key, Role, Team
from service.store.engine import Database, aware, new_id, now
from service.store.tables import installation, keys, members, teams, tokens

KEY_PREFIX = "sk-doumi-"
_USE_NOTED_EVERY = timedelta(minutes=1)  # so that reading a key does not write on every request


class SlugTaken(Exception):
    """Something of this kind with this slug exists in the team; choose another slug."""


def sha256_of(secret: str) -> str:
    """What is stored of a secret: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Teams:
    """Queries about teams and the credentials that lead to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, *, slug: str, name: str) -> Team:
        """Raises SlugTaken."""
        team = Team(id=new_id("team"), slug=slug, name=name, created_at=now())
        with self._database.write() as connection:
            if connection.execute(select(teams.c.id).where(teams.c.slug == slug)).first():
                raise SlugTaken(f"A team with the slug {slug} exists; choose another.")
            connection.execute(
                insert(teams).values(id=team.id, slug=slug, name=name, created_at=team.created_at)
            )
        return team

    def by_slug(self, slug: str) -> Team | None:
        """The team with this slug, for the operator's commands."""
        with self._database.read() as connection:
            row = connection.execute(select(teams).where(teams.c.slug == slug)).first()
        return _team(row) if row else None

    def add_member(self, team_id: str, *, name: str, role: Role) -> str:
        """The new member's id."""
        member = new_id("mem")
        with self._database.write() as connection:
            connection.execute(
                insert(members).values(id=member, team_id=team_id, name=name, role=role, created_at=now())
            )
        return member

    def first_owner(self, team_id: str) -> str | None:
        """The member whom login links of the command line sign in."""
        query = select(members.c.id).where(members.c.team_id == team_id, members.c.role == Role.OWNER)
        with self._database.read() as connection:
            return connection.scalar(query.order_by(members.c.created_at).limit(1))

    def create_key(
        self,
        team_id: str,
        *,
        name: str,
        role: Role,
        member_id: str | None = None,
        secret: str | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """The key and its secret, which is told only this once."""
        secret = secret or KEY_PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id=new_id("key"),
            team_id=team_id,
            name=name,
            role=role,
            prefix=secret[: len(KEY_PREFIX) + 4],
            created_at=now(),
            expires_at=expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        values = {name: getattr(key, name) for name in Key.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(insert(keys).values(**values, member_id=member_id, sha256=sha256_of(secret)))
        return key, secret

    def list_keys(self, team_id: str) -> list[Key]:
        """All keys of the team, oldest first, revoked ones too."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(keys).where(keys.c.team_id == team_id).order_by(keys.c.created_at)
            )
            return [_key(row) for row in rows]

    def revoke_key(self, team_id: str, key_id: str) -> bool:
        """Whether there was such a key. It stops working at the next request."""
        query = update(keys).where(keys.c.team_id == team_id, keys.c.id == key_id)
        with self._database.write() as connection:
            return connection.execute(query.values(revoked_at=now())).rowcount > 0

    def caller_of_key(self, secret: str) -> Caller | None:
        """Who holds this key; None when it is unknown, revoked or expired."""
        moment = now()
        query = (
            select(teams, keys.c.id.label("key_id"), keys.c.role, keys.c.member_id, keys.c.last_used_at)
            .join_from(keys, teams)
            .where(keys.c.sha256 == sha256_of(secret), *_alive(moment))
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.last_used_at is None or moment - aware(row.last_used_at) > _USE_NOTED_EVERY:
            with self._database.write() as connection:
                connection.execute(update(keys).where(keys.c.id == row.key_id).values(last_used_at=moment))
        return Caller(team=_team(row), role=Role(row.role), member=row.member_id or row.key_id)

    def login_link_token(self, team_id: str, member_id: str, *, lasts: timedelta) -> str:
        """A secret that opens one session for the member."""
        with self._database.write() as connection:
            return _add_token(connection, "login", team_id, lasts, member_id=member_id)

    def open_session(self, credential: str, *, lasts: timedelta) -> str | None:
        """A session's secret for a login link's token (which is used up) or a key; None when neither."""
        moment, digest = now(), sha256_of(credential)
        with self._database.write() as connection:
            link = connection.execute(
                delete(tokens)
                .where(tokens.c.sha256 == digest, tokens.c.kind == "login", tokens.c.expires_at > moment)
                .returning(tokens.c.team_id, tokens.c.member_id)
            ).first()
            if link:
                return _add_token(connection, "session", link.team_id, lasts, member_id=link.member_id)
            key = connection.execute(
                select(keys.c.id, keys.c.team_id).where(keys.c.sha256 == digest, *_alive(moment))
            ).first()
            return _add_token(connection, "session", key.team_id, lasts, key_id=key.id) if key else None

    def caller_of_session(self, secret: str) -> Caller | None:
        """Who is signed in; None when the session ended or the key that opened it did."""
        moment = now()
        query = (
            select(
                teams,
                tokens.c.member_id,
                tokens.c.key_id,
                members.c.role.label("member_role"),
                keys.c.role.label("key_role"),
                keys.c.member_id.label("key_member_id"),
            )
            .join_from(tokens, teams, tokens.c.team_id == teams.c.id)
            .outerjoin(members, members.c.id == tokens.c.member_id)
            .outerjoin(keys, keys.c.id == tokens.c.key_id)
            .where(
                tokens.c.sha256 == sha256_of(secret),
                tokens.c.kind == "session",
                tokens.c.expires_at > moment,
                or_(tokens.c.key_id.is_(None), and_(*_alive(moment))),
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        role = Role(row.member_role or row.key_role)
        return Caller(team=_team(row), role=role, member=row.member_id or row.key_member_id or row.key_id)

    def close_session(self, secret: str) -> None:
        """End the session, and sweep out those that ended by themselves."""
        with self._database.write() as connection:
            connection.execute(
                delete(tokens).where(or_(tokens.c.sha256 == sha256_of(secret), tokens.c.expires_at < now()))
            )

    def done_once(self, name: str) -> bool:
        """Whether the installation noted that it did this."""
        with self._database.read() as connection:
            query = select(installation.c.name).where(installation.c.name == name)
            return connection.execute(query).first() is not None

    def note_done(self, name: str) -> None:
        """Note that the installation did this, for done_once."""
        with self._database.write() as connection:
            connection.execute(insert(installation).values(name=name, value=now().isoformat()))


def _alive(moment: datetime) -> tuple[Any, ...]:
    return (keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > moment))


def _add_token(
    connection: Connection,
    kind: Literal["login", "session"],
    team_id: str,
    lasts: timedelta,
    **whose: str,
) -> str:
    secret, moment = secrets.token_urlsafe(32), now()
    connection.execute(
        insert(tokens).values(
            sha256=sha256_of(secret),
            team_id=team_id,
            kind=kind,
            created_at=moment,
            expires_at=moment + lasts,
            **whose,
        )
    )
    return secret


def _team(row: Row[Any]) -> Team:
    return Team(id=row.id, slug=row.slug, name=row.name, created_at=aware(row.created_at))


def _key(row: Row[Any]) -> Key:
    values = {name: getattr(row, name) for name in Key.__dataclass_fields__}
    values |= {name: aware(value) for name, value in values.items() if isinstance(value, datetime)}
    return Key(**{**values, "role": Role(row.role)})
