"""Teams: made, found, renamed, deleted with everything in them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from service.records import Team
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import (
    assistants,
    audit,
    audit_heads,
    conversations,
    installation,
    keys,
    knowledge_bases,
    members,
    people,
    teams,
)


class SlugTaken(Exception):
    """Something of this kind with this slug exists in the team; choose another slug."""


class TeamNotFound(Exception):
    """The installation has no such team; GET /api/admin/teams lists those it has."""


class NotConfirmed(Exception):
    """A team is deleted only by who writes its slug; send it as `confirm`."""


@dataclass(frozen=True, kw_only=True)
class DeletedTeam:
    """What went with a team."""

    team: Team
    knowledge_bases: tuple[str, ...]  # ids: their folders go too
    removed: dict[str, int]
    audit_head: str  # the last hash of its audit log, to check an exported copy against


class Teams:
    """Queries about teams. Those that take no team are for administrators and the operator's commands."""

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
        return team_of(row) if row else None

    def get(self, team_id: str) -> Team:
        """Raises TeamNotFound."""
        with self._database.read() as connection:
            return _find(connection, team_id)

    def page(self, window: Window) -> tuple[list[Team], bool]:
        """One page of all teams, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(connection, select(teams), teams, window)
            return [team_of(row) for row in rows], more

    def rename(self, team_id: str, *, name: str) -> Team:
        """Raises TeamNotFound."""
        with self._database.write() as connection:
            connection.execute(update(teams).where(teams.c.id == team_id).values(name=name))
            return _find(connection, team_id)

    def keep_for(self, team_id: str, days: int | None) -> Team:
        """How long the team's conversations are kept; None: for ever. Raises TeamNotFound."""
        with self._database.write() as connection:
            connection.execute(update(teams).where(teams.c.id == team_id).values(retention_days=days))
            return _find(connection, team_id)

    def with_retention(self) -> list[Team]:
        """The teams that keep conversations for some time only, for the sweep."""
        with self._database.read() as connection:
            query = select(teams).where(teams.c.retention_days.is_not(None))
            return [team_of(row) for row in connection.execute(query)]

    def delete(self, team_id: str) -> DeletedTeam:
        """Delete the team with all its rows, and the people who were in no other. Raises TeamNotFound."""
        with self._database.write() as connection:
            team = _find(connection, team_id)
            bases = tuple(
                connection.scalars(select(knowledge_bases.c.id).where(knowledge_bases.c.team_id == team_id))
            )
            removed = {
                table.name: connection.scalar(
                    select(func.count()).select_from(table).where(table.c.team_id == team_id)
                )
                or 0
                for table in (assistants, knowledge_bases, conversations, members, keys)
            }
            head = connection.execute(select(audit_heads).where(audit_heads.c.chain == team_id)).first()
            people_in_it = list(
                connection.scalars(
                    select(members.c.person_id).where(
                        members.c.team_id == team_id, members.c.person_id.is_not(None)
                    )
                )
            )
            connection.execute(delete(teams).where(teams.c.id == team_id))
            connection.execute(delete(audit).where(audit.c.chain == team_id))
            connection.execute(delete(audit_heads).where(audit_heads.c.chain == team_id))
            forget_people_of_no_team(connection, people_in_it)
        return DeletedTeam(
            team=team,
            knowledge_bases=bases,
            removed=removed | {"audit_entries": head.position if head else 0},
            audit_head=head.hash if head else "",
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


def team_of(row: Row[Any]) -> Team:
    """The team in a row that holds the columns of `teams`."""
    return Team(
        id=row.id,
        slug=row.slug,
        name=row.name,
        created_at=aware(row.created_at),
        retention_days=row.retention_days,
    )


def lock_team(connection: Connection, team_id: str) -> None:
    """Changes that depend on who else is in the team wait for each other here."""
    connection.execute(select(teams.c.id).where(teams.c.id == team_id).with_for_update())


def forget_people_of_no_team(connection: Connection, person_ids: list[str]) -> None:
    """Delete those of these people whom no team has any more: their address, name and password."""
    still = select(members.c.person_id).where(members.c.person_id.is_not(None))
    connection.execute(delete(people).where(people.c.id.in_(person_ids), people.c.id.not_in(still)))


def _find(connection: Connection, team_id: str) -> Team:
    row = connection.execute(select(teams).where(teams.c.id == team_id)).first()
    if row is None:
        raise TeamNotFound(f"The team {team_id!r} does not exist; GET /api/admin/teams lists those that do.")
    return team_of(row)
