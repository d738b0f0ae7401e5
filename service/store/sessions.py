"""Sessions of the page, and the links that open one."""

import secrets
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from service.records import Caller, Session
from service.store.engine import Database, aware, new_id, now
from service.store.keys import alive, sha256_of
from service.store.tables import administrator_keys, keys, members, sessions, teams, tokens


class SessionNotFound(Exception):
    """The caller has no such session; GET /api/sessions lists those that are open."""


class Sessions:
    """Queries about signed-in browsers. A session's secret is in its cookie alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def login_link_token(self, team_id: str, member_id: str, *, lasts: timedelta) -> str:
        """A secret that opens one session for the member."""
        return self._link("login", team_id, member_id, lasts)

    def reset_link_token(self, team_id: str, member_id: str, *, lasts: timedelta) -> str:
        """A secret with which the member sets a new password, once."""
        return self._link("reset", team_id, member_id, lasts)

    def open(self, credential: str, *, lasts: timedelta, agent: str = "", address: str = "") -> str | None:
        """A session's secret for a login link's token (which is used up) or a key; None when neither."""
        moment, digest = now(), sha256_of(credential)
        of = {"agent": agent, "address": address}
        with self._database.write() as connection:
            link = connection.execute(
                delete(tokens)
                .where(tokens.c.sha256 == digest, tokens.c.kind == "login", tokens.c.expires_at > moment)
                .returning(tokens.c.team_id, tokens.c.member_id)
            ).first()
            if link:
                return _open(connection, lasts, team_id=link.team_id, member_id=link.member_id, **of)
            key = connection.execute(
                select(keys.c.id, keys.c.team_id).where(keys.c.sha256 == digest, *alive(moment))
            ).first()
            if key:
                return _open(connection, lasts, team_id=key.team_id, key_id=key.id, **of)
            administrator = connection.scalar(
                select(administrator_keys.c.id).where(
                    administrator_keys.c.sha256 == digest, administrator_keys.c.revoked_at.is_(None)
                )
            )
            if administrator is None:
                return None
            return _open(connection, lasts, administrator_key_id=administrator, **of)

    def open_for(
        self, team_id: str, member_id: str, *, lasts: timedelta, agent: str = "", address: str = ""
    ) -> str:
        """A session's secret for a member who showed who they are."""
        with self._database.write() as connection:
            return _open(
                connection, lasts, team_id=team_id, member_id=member_id, agent=agent, address=address
            )

    def member_of_reset(self, token: str) -> Row[Any, Any, Any] | None:
        """team_id, member_id and person_id of an unused reset link; None when there is none."""
        query = (
            select(tokens.c.team_id, tokens.c.member_id, members.c.person_id)
            .join_from(tokens, members, members.c.id == tokens.c.member_id)
            .where(tokens.c.sha256 == sha256_of(token), tokens.c.kind == "reset", tokens.c.expires_at > now())
        )
        with self._database.read() as connection:
            return connection.execute(query).first()

    def use_reset(self, token: str) -> bool:
        """Use the reset link up; whether it was there."""
        query = delete(tokens).where(
            tokens.c.sha256 == sha256_of(token), tokens.c.kind == "reset", tokens.c.expires_at > now()
        )
        with self._database.write() as connection:
            return connection.execute(query).rowcount > 0

    def switch(self, caller: Caller, slug: str) -> bool:
        """Turn the caller's session to another of their teams; whether they belong to it."""
        query = (
            select(members.c.id, members.c.team_id)
            .join_from(members, teams)
            .where(members.c.person_id == caller.person, teams.c.slug == slug)
        )
        with self._database.write() as connection:
            found = connection.execute(query).first() if caller.person and caller.session else None
            if found is None:
                return False
            connection.execute(
                update(sessions)
                .where(sessions.c.id == caller.session)
                .values(team_id=found.team_id, member_id=found.id)
            )
            return True

    def of(self, caller: Caller) -> list[Session]:
        """The caller's open sessions, the newest first."""
        query = select(sessions).where(_theirs(caller), sessions.c.expires_at > now())
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.created_at.desc(), sessions.c.id))
            return [_session(row) for row in rows]

    def end(self, caller: Caller, session_id: str) -> None:
        """Raises SessionNotFound."""
        query = delete(sessions).where(_theirs(caller), sessions.c.id == session_id)
        with self._database.write() as connection:
            if connection.execute(query).rowcount == 0:
                raise SessionNotFound(
                    f"The session {session_id!r} does not exist; GET /api/sessions lists those that do."
                )

    def end_others(self, caller: Caller) -> int:
        """End all of the caller's sessions but the one that asks; how many that were."""
        query = delete(sessions).where(_theirs(caller), sessions.c.id != (caller.session or ""))
        with self._database.write() as connection:
            return connection.execute(query).rowcount

    def close(self, secret: str) -> None:
        """End the session, and sweep out those that ended by themselves."""
        moment = now()
        with self._database.write() as connection:
            connection.execute(
                delete(sessions).where(
                    or_(sessions.c.sha256 == sha256_of(secret), sessions.c.expires_at < moment)
                )
            )
            connection.execute(delete(tokens).where(tokens.c.expires_at < moment))

    def _link(self, kind: Literal["login", "reset"], team_id: str, member_id: str, lasts: timedelta) -> str:
        secret, moment = secrets.token_urlsafe(32), now()
        with self._database.write() as connection:
            connection.execute(
                insert(tokens).values(
                    sha256=sha256_of(secret),
                    team_id=team_id,
                    member_id=member_id,
                    kind=kind,
                    created_at=moment,
                    expires_at=moment + lasts,
                )
            )
        return secret


def _open(connection: Connection, lasts: timedelta, *, agent: str, address: str, **whose: str) -> str:
    secret, moment = secrets.token_urlsafe(32), now()
    connection.execute(
        insert(sessions).values(
            id=new_id("sess"),
            sha256=sha256_of(secret),
            agent=agent[:300],
            address=address[:64],
            created_at=moment,
            last_used_at=moment,
            expires_at=moment + lasts,
            **whose,
        )
    )
    return secret


def _theirs(caller: Caller) -> ColumnElement[bool]:
    """A person's sessions in all of their teams; else those of the member or key that calls."""
    if caller.person:
        own = select(members.c.id).where(members.c.person_id == caller.person)
        return sessions.c.member_id.in_(own)
    if caller.member.startswith("mem_"):
        mine = select(keys.c.id).where(keys.c.team_id == caller.team.id, keys.c.member_id == caller.member)
        return (sessions.c.team_id == caller.team.id) & or_(
            sessions.c.member_id == caller.member, sessions.c.key_id.in_(mine)
        )
    return (sessions.c.team_id == caller.team.id) & (sessions.c.key_id == caller.member)


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        agent=row.agent,
        address=row.address,
        created_at=aware(row.created_at),
        last_used_at=aware(row.last_used_at),
        expires_at=aware(row.expires_at),
    )
