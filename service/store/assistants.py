"""Assistants, their versions and the knowledge bases they read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from service.records import Assistant, KnowledgeBaseRecord
from service.store.engine import Database, aware, new_id, now
from service.store.knowledge_bases import KnowledgeBaseNotFound, add, record_of
from service.store.pages import Window, page_of
from service.store.tables import (
    assistant_knowledge,
    assistant_notes,
    assistant_versions,
    assistants,
    knowledge_bases,
)
from service.store.teams import SlugTaken


class AssistantNotFound(Exception):
    """The team has no assistant with this slug; GET /api/assistants lists those it has."""


@dataclass(frozen=True, kw_only=True)
class DeletedAssistant:
    """What went with an assistant."""

    id: str
    slug: str
    knowledge_bases: tuple[str, ...]  # ids of its own ones that no other reads: their folders go too


class Assistants:
    """Queries about assistants; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, team_id: str, *, slug: str, name: str, instruction: str, knowledge: Sequence[str] = ()
    ) -> Assistant:
        """An assistant that reads the knowledge bases with these slugs, or one of its own.

        Raises SlugTaken and KnowledgeBaseNotFound.
        """
        assistant_id, moment = new_id("asst"), now()
        with self._database.write() as connection:
            if _find(connection, team_id, slug):
                raise SlugTaken(f"The team has an assistant {slug}; choose another slug or change that one.")
            connection.execute(
                insert(assistants).values(
                    id=assistant_id,
                    team_id=team_id,
                    slug=slug,
                    version=1,
                    created_at=moment,
                    updated_at=moment,
                )
            )
            _add_version(connection, team_id, assistant_id, 1, name, instruction)
            bases = (
                [_base_by_slug(connection, team_id, base) for base in knowledge]
                if knowledge
                else [_own_base(connection, team_id, slug, name)]
            )
            _link(connection, team_id, assistant_id, bases)
            return _load(connection, team_id, slug, None)

    def change(
        self, team_id: str, slug: str, *, name: str, instruction: str, knowledge: Sequence[str] | None = None
    ) -> Assistant:
        """A new version, unless nothing differs. `knowledge`: slugs, when they change too."""
        with self._database.write() as connection:
            before = _load(connection, team_id, slug, None)
            if (before.name, before.instruction) != (name, instruction):
                number = before.version + 1
                _add_version(connection, team_id, before.id, number, name, instruction)
                connection.execute(
                    update(assistants)
                    .where(assistants.c.id == before.id, assistants.c.team_id == team_id)
                    .values(version=number, updated_at=now())
                )
            if knowledge:
                _link(
                    connection,
                    team_id,
                    before.id,
                    [_base_by_slug(connection, team_id, base) for base in knowledge],
                )
            return _load(connection, team_id, slug, None)

    def get(self, team_id: str, slug: str, version: int | None = None) -> Assistant:
        """The newest version, or the one asked for. Raises AssistantNotFound."""
        with self._database.read() as connection:
            return _load(connection, team_id, slug, version)

    def by_id(self, team_id: str, assistant_id: str) -> Assistant:
        """The newest version of the assistant with this id. Raises AssistantNotFound."""
        with self._database.read() as connection:
            slug = connection.scalar(
                select(assistants.c.slug).where(
                    assistants.c.team_id == team_id, assistants.c.id == assistant_id
                )
            )
            if slug is None:
                raise assistant_missing(assistant_id)
            return _load(connection, team_id, slug, None)

    def notes(self, team_id: str, assistant_id: str) -> dict[str, Any]:
        """What the OpenAI surface keeps of it; nothing of one that the page made."""
        query = select(assistant_notes.c.notes).where(
            assistant_notes.c.team_id == team_id, assistant_notes.c.assistant_id == assistant_id
        )
        with self._database.read() as connection:
            return connection.scalar(query) or {}

    def note(self, team_id: str, assistant_id: str, notes: dict[str, Any]) -> None:
        """Replace what the OpenAI surface keeps of it."""
        mine = (assistant_notes.c.team_id == team_id, assistant_notes.c.assistant_id == assistant_id)
        with self._database.write() as connection:
            connection.execute(delete(assistant_notes).where(*mine))
            connection.execute(
                insert(assistant_notes).values(assistant_id=assistant_id, team_id=team_id, notes=notes)
            )

    def page(
        self, team_id: str, window: Window, *, among: Collection[str] | None = None
    ) -> tuple[list[Assistant], bool]:
        """One page of assistants, each in its newest version, and whether more follow.

        `among`: only those with these ids.
        """
        with self._database.read() as connection:
            query = _versions().where(assistants.c.team_id == team_id, _newest())
            if among is not None:
                query = query.where(assistants.c.id.in_(among))
            rows, more = page_of(connection, query, assistants, window)
            bases = _bases_of(connection, team_id)
            return [_assistant(row, bases.get(row.id, ())) for row in rows], more

    def delete(self, team_id: str, slug: str) -> DeletedAssistant:
        """Delete the assistant, its versions, conversations, and the bases of its own that only it read."""
        with self._database.write() as connection:
            gone = _load(connection, team_id, slug, None)
            connection.execute(
                delete(assistants).where(assistants.c.team_id == team_id, assistants.c.id == gone.id)
            )
            still_read = select(assistant_knowledge.c.knowledge_base_id).where(
                assistant_knowledge.c.team_id == team_id
            )
            unread = set(
                connection.scalars(
                    select(knowledge_bases.c.id).where(
                        knowledge_bases.c.team_id == team_id,
                        knowledge_bases.c.own,
                        knowledge_bases.c.id.not_in(still_read),
                    )
                )
            )
            alone = tuple(base for base in gone.knowledge_bases if base in unread)
            connection.execute(
                delete(knowledge_bases).where(
                    knowledge_bases.c.team_id == team_id, knowledge_bases.c.id.in_(alone)
                )
            )
        return DeletedAssistant(id=gone.id, slug=slug, knowledge_bases=alone)

    def ensure_base(self, team_id: str, *, slug: str, name: str) -> KnowledgeBaseRecord:
        """The knowledge base with this slug, made when the team has none."""
        with self._database.write() as connection:
            row = connection.execute(
                select(knowledge_bases).where(
                    knowledge_bases.c.team_id == team_id, knowledge_bases.c.slug == slug
                )
            ).first()
            return record_of(row or add(connection, team_id, slug, name, own=True))

    def all_bases(self) -> list[KnowledgeBaseRecord]:
        """Every knowledge base of every team: only for the start, which resumes unfinished work."""
        with self._database.read() as connection:
            return [record_of(row) for row in connection.execute(select(knowledge_bases))]


def assistant_missing(name: str) -> AssistantNotFound:
    """For a slug or an id that names no assistant."""
    return AssistantNotFound(f"The assistant {name!r} does not exist; GET /v1/models lists those that do.")


def _versions() -> Select[Any]:
    return select(
        assistants, assistant_versions.c.number, assistant_versions.c.name, assistant_versions.c.instruction
    ).join_from(assistants, assistant_versions, assistant_versions.c.assistant_id == assistants.c.id)


def _newest() -> Any:
    return assistant_versions.c.number == assistants.c.version


def _find(connection: Connection, team_id: str, slug: str) -> str | None:
    return connection.scalar(
        select(assistants.c.id).where(assistants.c.team_id == team_id, assistants.c.slug == slug)
    )


def _load(connection: Connection, team_id: str, slug: str, version: int | None) -> Assistant:
    query = _versions().where(assistants.c.team_id == team_id, assistants.c.slug == slug)
    query = query.where(_newest() if version is None else assistant_versions.c.number == version)
    row = connection.execute(query).first()
    if row is None:
        name = slug if version is None else f"{slug}@{version}"
        raise AssistantNotFound(f"The assistant {name!r} does not exist; GET /v1/models lists those that do.")
    return _assistant(row, _bases_of(connection, team_id, row.id).get(row.id, ()))


def _bases_of(
    connection: Connection, team_id: str, assistant_id: str | None = None
) -> dict[str, tuple[str, ...]]:
    query = select(assistant_knowledge).where(assistant_knowledge.c.team_id == team_id)
    if assistant_id:
        query = query.where(assistant_knowledge.c.assistant_id == assistant_id)
    found: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(query.order_by(assistant_knowledge.c.position)):
        found[row.assistant_id] = (*found.get(row.assistant_id, ()), row.knowledge_base_id)
    return found


def _add_version(
    connection: Connection, team_id: str, assistant_id: str, number: int, name: str, instruction: str
) -> None:
    connection.execute(
        insert(assistant_versions).values(
            assistant_id=assistant_id,
            team_id=team_id,
            number=number,
            name=name,
            instruction=instruction,
            created_at=now(),
        )
    )


def _link(connection: Connection, team_id: str, assistant_id: str, bases: Sequence[str]) -> None:
    connection.execute(
        delete(assistant_knowledge).where(
            assistant_knowledge.c.team_id == team_id, assistant_knowledge.c.assistant_id == assistant_id
        )
    )
    for position, base in enumerate(dict.fromkeys(bases)):
        connection.execute(
            insert(assistant_knowledge).values(
                assistant_id=assistant_id, knowledge_base_id=base, team_id=team_id, position=position
            )
        )


def _base_by_slug(connection: Connection, team_id: str, slug: str) -> str:
    base: str | None = connection.scalar(
        select(knowledge_bases.c.id).where(
            knowledge_bases.c.team_id == team_id, knowledge_bases.c.slug == slug
        )
    )
    if base is None:
        raise KnowledgeBaseNotFound(
            f"The knowledge base {slug!r} does not exist; leave `knowledge` out to get one of its own."
        )
    return base


def _own_base(connection: Connection, team_id: str, slug: str, name: str) -> str:
    """A base named after the assistant; a taken slug (of a shared base) gets a number."""
    taken = set(
        connection.scalars(select(knowledge_bases.c.slug).where(knowledge_bases.c.team_id == team_id))
    )
    free = next(
        candidate
        for candidate in (slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3)))
        if candidate not in taken
    )
    return str(add(connection, team_id, free, name, own=True).id)


def _assistant(row: Row[Any], bases: tuple[str, ...]) -> Assistant:
    return Assistant(
        id=row.id,
        team_id=row.team_id,
        slug=row.slug,
        version=row.number,
        name=row.name,
        instruction=row.instruction,
        knowledge_bases=bases,
        created_at=aware(row.created_at),
        updated_at=aware(row.updated_at),
    )
