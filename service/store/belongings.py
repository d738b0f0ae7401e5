"""Whose a thing is, where it is not the whole team's; every query takes the team."""

from sqlalchemy import delete, insert, select

from service.records import Caller
from service.store.engine import Database
from service.store.tables import belongings


class Belongings:
    """Threads of a person, and threads, files and vector stores that a key with a scope made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, caller: Caller, thing_id: str) -> None:
        """What a key with a scope has just made is within its scope; of any other caller it is the team's."""
        if caller.assistants is not None:
            self._add(caller, thing_id)

    def take_thread(self, caller: Caller, thread_id: str) -> None:
        """A thread is a person's own, and the team's where the key belongs to no person."""
        if caller.assistants is not None or caller.member.startswith("mem_"):
            self._add(caller, thread_id)

    def may_see_thread(self, caller: Caller, thread_id: str) -> bool:
        """Whether the thread is the caller's, or the team's."""
        query = select(belongings.c.owner).where(
            belongings.c.team_id == caller.team.id, belongings.c.thing_id == thread_id
        )
        with self._database.read() as connection:
            owner = connection.scalar(query)
        return owner == _name_of(caller) or (owner is None and caller.assistants is None)

    def of(self, caller: Caller, prefix: str) -> frozenset[str]:
        """Ids that begin like this, of what the caller's key made."""
        query = select(belongings.c.thing_id).where(
            belongings.c.team_id == caller.team.id,
            belongings.c.owner == _name_of(caller),
            belongings.c.thing_id.startswith(prefix, autoescape=True),
        )
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def drop(self, team_id: str, thing_id: str) -> None:
        """The thing is gone."""
        with self._database.write() as connection:
            connection.execute(
                delete(belongings).where(belongings.c.team_id == team_id, belongings.c.thing_id == thing_id)
            )

    def _add(self, caller: Caller, thing_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                insert(belongings).values(team_id=caller.team.id, thing_id=thing_id, owner=_name_of(caller))
            )


def _name_of(caller: Caller) -> str:
    return caller.member if caller.assistants is None else str(caller.key)
