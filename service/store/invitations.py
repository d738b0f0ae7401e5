"""Invitations: links that make their reader a member of a team, once."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import Invitation, Role, Team
from service.store.engine import Database, aware, new_id, now
from service.store.keys import sha256_of
from service.store.members import add_member
from service.store.pages import Window, page_of
from service.store.people import add_person
from service.store.tables import invitations, members, people, teams
from service.store.teams import team_of


class InvitationNotFound(Exception):
    """There is no such invitation, or it was used, withdrawn or is too old; ask an owner for a new one."""


class AlreadyMember(Exception):
    """This person is in the team already; sign in."""


_UNUSABLE = "This invitation was used already, was withdrawn or is too old; ask an owner for a new one."


class Invitations:
    """Queries about invitations; those of owners take the team, those of guests the link's token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, team_id: str, *, role: Role, email: str | None, invited_by: str, lasts: timedelta
    ) -> tuple[Invitation, str]:
        """The invitation and its token, which is told only this once."""
        token, moment = secrets.token_urlsafe(32), now()
        invitation = Invitation(
            id=new_id("inv"),
            team_id=team_id,
            role=role,
            email=email,
            invited_by=invited_by,
            created_at=moment,
            expires_at=moment + lasts,
            accepted_at=None,
        )
        values = {name: getattr(invitation, name) for name in Invitation.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(insert(invitations).values(**values, sha256=sha256_of(token)))
        return invitation, token

    def page(self, team_id: str, window: Window) -> tuple[list[Invitation], bool]:
        """One page of invitations, used ones too, and whether more follow."""
        query = select(invitations).where(invitations.c.team_id == team_id)
        with self._database.read() as connection:
            rows, more = page_of(connection, query, invitations, window)
            return [_invitation(row) for row in rows], more

    def withdraw(self, team_id: str, invitation_id: str) -> None:
        """Its link opens nothing any more. Raises InvitationNotFound."""
        mine = (invitations.c.team_id == team_id, invitations.c.id == invitation_id)
        with self._database.write() as connection:
            if connection.execute(delete(invitations).where(*mine)).rowcount == 0:
                raise InvitationNotFound(
                    f"The invitation {invitation_id!r} does not exist; GET /api/invitations lists them."
                )

    def look(self, token: str) -> tuple[Invitation, Team]:
        """What an unused link invites to. Raises InvitationNotFound."""
        with self._database.read() as connection:
            row = _usable(connection, token)
            team = connection.execute(select(teams).where(teams.c.id == row.team_id)).one()
        return _invitation(row), team_of(team)

    def accept(self, token: str, *, person_id: str) -> tuple[str, str]:
        """Team id and member id of the person, who is a member now.

        Raises InvitationNotFound and AlreadyMember.
        """
        with self._database.write() as connection:
            row = _use(connection, token)
            name = connection.execute(select(people).where(people.c.id == person_id)).one().name
            return row.team_id, _join(connection, row, person_id, name)

    def accept_new(self, token: str, *, email: str, name: str, password: str) -> tuple[str, str]:
        """Team id and member id of somebody who is new here, with a (hashed) password.

        Raises InvitationNotFound and AddressTaken.
        """
        with self._database.write() as connection:
            row = _use(connection, token)
            person = add_person(connection, email=email, name=name, password=password)
            return row.team_id, _join(connection, row, person, name)


def _use(connection: Connection, token: str) -> Row[Any]:
    """Mark the link as used; of two at the same moment, one finds it used."""
    row = _usable(connection, token)
    taken = update(invitations).where(invitations.c.id == row.id, invitations.c.accepted_at.is_(None))
    if connection.execute(taken.values(accepted_at=now())).rowcount == 0:
        raise InvitationNotFound(_UNUSABLE)
    return row


def _join(connection: Connection, row: Row[Any], person_id: str, name: str) -> str:
    there = select(members.c.id).where(members.c.team_id == row.team_id, members.c.person_id == person_id)
    if connection.execute(there).first():
        raise AlreadyMember("You are in this team already; sign in.")
    return add_member(connection, row.team_id, name=name, role=Role(row.role), person_id=person_id)


def _usable(connection: Connection, token: str) -> Row[Any]:
    row = connection.execute(
        select(invitations).where(
            invitations.c.sha256 == sha256_of(token),
            invitations.c.accepted_at.is_(None),
            invitations.c.expires_at > now(),
        )
    ).first()
    if row is None:
        raise InvitationNotFound(_UNUSABLE)
    return row


def _invitation(row: Row[Any]) -> Invitation:
    values = {name: getattr(row, name) for name in Invitation.__dataclass_fields__}
    values |= {name: aware(value) for name, value in values.items() if isinstance(value, datetime)}
    return Invitation(**{**values, "role": Role(row.role)})
