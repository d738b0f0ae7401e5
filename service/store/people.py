"""People who sign in: their address, password and identities, and the teams that they belong to."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import Membership, Person, Role
from service.store.engine import Database, aware, new_id, now
from service.store.members import add_member, is_last_owner, load_member, remove_member
from service.store.tables import identities, members, people, sessions, teams, tokens
from service.store.teams import lock_team, team_of


class AddressTaken(Exception):
    """Somebody signs in with this address already; use another, or sign in."""


class People:
    """Queries about people. A person is of no team; what they may do is decided by their memberships."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_email(self, email: str) -> tuple[Person, str | None] | None:
        """The person and the hash of their password."""
        with self._database.read() as connection:
            row = connection.execute(select(people).where(people.c.email == email)).first()
        return (_person(row), row.password) if row else None

    def get(self, person_id: str) -> tuple[Person, str | None]:
        """The person with this id, and the hash of their password."""
        with self._database.read() as connection:
            row = connection.execute(select(people).where(people.c.id == person_id)).one()
        return _person(row), row.password

    def memberships(self, person_id: str) -> list[Membership]:
        """The person's places in teams, the oldest first."""
        query = (
            select(teams, members.c.id.label("member_id"), members.c.role)
            .join_from(members, teams)
            .where(members.c.person_id == person_id)
            .order_by(members.c.created_at, members.c.id)
        )
        with self._database.read() as connection:
            return [
                Membership(member_id=row.member_id, team=team_of(row), role=Role(row.role))
                for row in connection.execute(query)
            ]

    def name_member(self, team_id: str, member_id: str, *, name: str, email: str, password: str) -> str:
        """Give a member whom the command line made an address and a (hashed) password; the person's id.

        Raises AddressTaken.
        """
        with self._database.write() as connection:
            person = add_person(connection, email=email, name=name, password=password)
            connection.execute(
                update(members)
                .where(members.c.team_id == team_id, members.c.id == member_id, members.c.person_id.is_(None))
                .values(person_id=person, name=name)
            )
        return person

    def set_password(self, person_id: str, password: str, *, keep_session: str | None = None) -> int:
        """Store the new hash, end the person's other sessions and unused links; how many sessions ended."""
        own = select(members.c.id).where(members.c.person_id == person_id)
        with self._database.write() as connection:
            connection.execute(update(people).where(people.c.id == person_id).values(password=password))
            connection.execute(delete(tokens).where(tokens.c.member_id.in_(own)))
            return connection.execute(
                delete(sessions).where(sessions.c.member_id.in_(own), sessions.c.id != (keep_session or ""))
            ).rowcount

    def only_in(self, person_id: str, team_id: str) -> bool:
        """Whether the team is the person's only one, and a password their only way in."""
        elsewhere = select(members.c.id).where(members.c.person_id == person_id, members.c.team_id != team_id)
        known = select(identities.c.subject).where(identities.c.person_id == person_id)
        with self._database.read() as connection:
            return not connection.execute(elsewhere).first() and not connection.execute(known).first()

    def of_identity(self, issuer: str, subject: str, *, email: str | None, name: str) -> str:
        """The id of the person whom the provider knows under this subject, made when they are new.

        The provider answers for a verified address: somebody who has it here becomes the same person, and
        a password that was set under it before, by whomever, no longer opens anything.
        """
        with self._database.write() as connection:
            known: str | None = connection.scalar(
                select(identities.c.person_id).where(
                    identities.c.issuer == issuer, identities.c.subject == subject
                )
            )
            if known:
                return known
            same = select(people.c.id).where(people.c.email == email)
            person: str | None = connection.scalar(same) if email else None
            if person:
                own = select(members.c.id).where(members.c.person_id == person)
                connection.execute(update(people).where(people.c.id == person).values(password=None))
                connection.execute(delete(sessions).where(sessions.c.member_id.in_(own)))
                connection.execute(delete(tokens).where(tokens.c.member_id.in_(own)))
            else:
                person = add_person(connection, email=email, name=name, password=None)
            connection.execute(
                insert(identities).values(issuer=issuer, subject=subject, person_id=person, created_at=now())
            )
            return person

    def follow_provider(self, person_id: str, name: str, granted: dict[str, Role]) -> None:
        """Make the memberships that the provider manages what it grants now: team id -> role.

        A membership that an owner gave stays as it is, and so does a team's last owner.
        """
        with self._database.write() as connection:
            for team_id in sorted(granted):
                lock_team(connection, team_id)
            rows = list(connection.execute(select(members).where(members.c.person_id == person_id)))
            there = {row.team_id: row for row in rows}
            for team_id, role in granted.items():
                if team_id not in there:
                    add_member(connection, team_id, name=name, role=role, person_id=person_id, managed=True)
            for row in rows:
                if row.managed:
                    _follow(connection, row, granted.get(row.team_id))


def add_person(connection: Connection, *, email: str | None, name: str, password: str | None) -> str:
    """The new person's id. Raises AddressTaken."""
    if email and connection.execute(select(people.c.id).where(people.c.email == email)).first():
        raise AddressTaken("Somebody signs in with this address already; use another, or sign in with it.")
    person = new_id("per")
    connection.execute(
        insert(people).values(id=person, email=email, name=name, password=password, created_at=now())
    )
    return person


def _follow(connection: Connection, row: Row[Any], role: Role | None) -> None:
    member = load_member(connection, row.team_id, row.id)
    if role is member.role or (role is not Role.OWNER and is_last_owner(connection, member)):
        return
    if role is None:
        remove_member(connection, member)
    else:
        connection.execute(update(members).where(members.c.id == member.id).values(role=role))


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        email=row.email,
        name=row.name,
        has_password=row.password is not None,
        created_at=aware(row.created_at),
    )
