"""Members of teams, and the last owner who has to stay."""

from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from service.records import Member, Role
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import conversations, keys, members, people, sessions
from service.store.teams import forget_people_of_no_team, lock_team


class MemberNotFound(Exception):
    """The team has no such member; GET /api/members lists those it has."""


class LastOwner(Exception):
    """A team keeps at least one owner; make somebody else an owner first, or delete the team."""


class Members:
    """Queries about members; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, team_id: str, *, name: str, role: Role, person_id: str | None = None) -> str:
        """The new member's id."""
        with self._database.write() as connection:
            return add_member(connection, team_id, name=name, role=role, person_id=person_id)

    def first_owner(self, team_id: str) -> str | None:
        """The member whom login links of the command line sign in."""
        query = select(members.c.id).where(members.c.team_id == team_id, members.c.role == Role.OWNER)
        with self._database.read() as connection:
            return connection.scalar(query.order_by(members.c.created_at).limit(1))

    def get(self, team_id: str, member_id: str) -> Member:
        """Raises MemberNotFound."""
        with self._database.read() as connection:
            return load_member(connection, team_id, member_id)

    def page(self, team_id: str, window: Window) -> tuple[list[Member], bool]:
        """One page of members, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(connection, _in(team_id), members, window)
            return [_member(row) for row in rows], more

    def change_role(self, team_id: str, member_id: str, role: Role) -> Member:
        """Takes effect at the member's next request. Raises MemberNotFound and LastOwner."""
        with self._database.write() as connection:
            lock_team(connection, team_id)
            member = load_member(connection, team_id, member_id)
            if role is not Role.OWNER:
                _refuse_last_owner(connection, member)
            connection.execute(
                update(members)
                .where(members.c.team_id == team_id, members.c.id == member_id)
                .values(role=role)
            )
            return load_member(connection, team_id, member_id)

    def remove(self, team_id: str, member_id: str) -> dict[str, int]:
        """Remove the member with their sessions, keys and conversations; how many of each that were.

        Raises MemberNotFound and LastOwner.
        """
        with self._database.write() as connection:
            lock_team(connection, team_id)
            member = load_member(connection, team_id, member_id)
            _refuse_last_owner(connection, member)
            return remove_member(connection, member)


def add_member(
    connection: Connection,
    team_id: str,
    *,
    name: str,
    role: Role,
    person_id: str | None = None,
    managed: bool = False,
) -> str:
    """The new member's id."""
    member = new_id("mem")
    connection.execute(
        insert(members).values(
            id=member,
            team_id=team_id,
            person_id=person_id,
            name=name,
            role=role,
            managed=managed,
            created_at=now(),
        )
    )
    return member


def remove_member(connection: Connection, member: Member) -> dict[str, int]:
    """Delete the rows of a member and of all that is theirs alone; how many of each that were."""
    own_keys = select(keys.c.id).where(keys.c.team_id == member.team_id, keys.c.member_id == member.id)
    theirs = (
        (sessions, or_(sessions.c.member_id == member.id, sessions.c.key_id.in_(own_keys))),
        (keys, keys.c.member_id == member.id),
        (conversations, conversations.c.member == member.id),
    )
    removed = {
        table.name: connection.execute(delete(table).where(table.c.team_id == member.team_id, which)).rowcount
        for table, which in theirs
    }
    connection.execute(delete(members).where(members.c.team_id == member.team_id, members.c.id == member.id))
    if member.person_id:
        forget_people_of_no_team(connection, [member.person_id])
    return removed


def is_last_owner(connection: Connection, member: Member) -> bool:
    """Whether the team would be left without an owner; call it behind `lock_team`."""
    if member.role is not Role.OWNER:
        return False
    others = select(func.count()).where(
        members.c.team_id == member.team_id, members.c.role == Role.OWNER, members.c.id != member.id
    )
    return not connection.scalar(others)


def _refuse_last_owner(connection: Connection, member: Member) -> None:
    if is_last_owner(connection, member):
        raise LastOwner("This is the team's last owner; make somebody else an owner first.")


def _in(team_id: str) -> Select[Any]:
    return (
        select(members, people.c.email)
        .outerjoin(people, people.c.id == members.c.person_id)
        .where(members.c.team_id == team_id)
    )


def load_member(connection: Connection, team_id: str, member_id: str) -> Member:
    """Raises MemberNotFound."""
    row = connection.execute(_in(team_id).where(members.c.id == member_id)).first()
    if row is None:
        raise MemberNotFound(
            f"The member {member_id!r} does not exist; GET /api/members lists those that do."
        )
    return _member(row)


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        email=row.email,
        role=Role(row.role),
        person_id=row.person_id,
        managed=row.managed,
        created_at=aware(row.created_at),
    )
