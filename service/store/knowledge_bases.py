"""Knowledge bases of a team: the records; their content is in folders of their own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import KnowledgeBaseRecord
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import assistant_knowledge, assistants, knowledge_bases
from service.store.teams import SlugTaken


class KnowledgeBaseNotFound(Exception):
    """The team has no such knowledge base; GET /api/knowledge-bases lists those it has."""


@dataclass(frozen=True, kw_only=True)
class DeletedBase:
    """What went with a knowledge base."""

    record: KnowledgeBaseRecord
    assistants: tuple[str, ...]  # slugs of those that read it and do so no more


class KnowledgeBases:
    """Queries about knowledge bases; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, team_id: str, *, slug: str, name: str) -> KnowledgeBaseRecord:
        """A knowledge base that stays when the assistants that read it go. Raises SlugTaken."""
        with self._database.write() as connection:
            if _by_slug(connection, team_id, slug):
                raise SlugTaken(f"The team has a knowledge base {slug}; choose another slug or use that one.")
            return record_of(add(connection, team_id, slug, name, own=False))

    def get(self, team_id: str, slug: str) -> KnowledgeBaseRecord:
        """Raises KnowledgeBaseNotFound."""
        with self._database.read() as connection:
            return record_of(_existing(connection, team_id, slug))

    def some(self, team_id: str, ids: Sequence[str]) -> list[KnowledgeBaseRecord]:
        """Those of the team's bases that have these ids, in their order."""
        with self._database.read() as connection:
            found = connection.execute(
                select(knowledge_bases).where(
                    knowledge_bases.c.team_id == team_id, knowledge_bases.c.id.in_(ids)
                )
            )
            records = {row.id: record_of(row) for row in found}
        return [records[each] for each in ids if each in records]

    def page(
        self, team_id: str, window: Window, *, among: Collection[str] | None = None
    ) -> tuple[list[KnowledgeBaseRecord], bool]:
        """One page of them, or of those with these ids, and whether more follow."""
        with self._database.read() as connection:
            query = select(knowledge_bases).where(knowledge_bases.c.team_id == team_id)
            if among is not None:
                query = query.where(knowledge_bases.c.id.in_(among))
            rows, more = page_of(connection, query, knowledge_bases, window)
            return [record_of(row) for row in rows], more

    def rename(self, team_id: str, slug: str, name: str) -> KnowledgeBaseRecord:
        """Change what people call it; the slug stays. Raises KnowledgeBaseNotFound."""
        with self._database.write() as connection:
            row = _existing(connection, team_id, slug)
            connection.execute(
                update(knowledge_bases)
                .where(knowledge_bases.c.team_id == team_id, knowledge_bases.c.id == row.id)
                .values(name=name)
            )
            return record_of(_existing(connection, team_id, slug))

    def readers(self, team_id: str, base_id: str) -> tuple[str, ...]:
        """The slugs of the assistants that read a base."""
        with self._database.read() as connection:
            return _readers(connection, team_id, base_id)

    def delete(self, team_id: str, slug: str) -> DeletedBase:
        """Delete the record and its links. Raises KnowledgeBaseNotFound."""
        with self._database.write() as connection:
            row = _existing(connection, team_id, slug)
            slugs = _readers(connection, team_id, row.id)
            connection.execute(
                delete(knowledge_bases).where(
                    knowledge_bases.c.team_id == team_id, knowledge_bases.c.id == row.id
                )
            )
        return DeletedBase(record=record_of(row), assistants=slugs)


def add(connection: Connection, team_id: str, slug: str, name: str, *, own: bool) -> Row[Any]:
    """A new row. `own`: it goes with the last assistant that reads it."""
    values = {"id": new_id("kb"), "team_id": team_id, "slug": slug, "name": name, "own": own}
    connection.execute(insert(knowledge_bases).values(**values, created_at=now()))
    return _existing(connection, team_id, slug)


def record_of(row: Row[Any]) -> KnowledgeBaseRecord:
    """The record in a row."""
    return KnowledgeBaseRecord(
        id=row.id,
        team_id=row.team_id,
        slug=row.slug,
        name=row.name,
        own=row.own,
        created_at=aware(row.created_at),
    )


def base_missing(slug: str) -> str:
    """What is said of a knowledge base that does not exist, or not for the one who asks."""
    return f"The knowledge base {slug!r} does not exist; GET /api/knowledge-bases lists those that do."


def _by_slug(connection: Connection, team_id: str, slug: str) -> Row[Any] | None:
    return connection.execute(
        select(knowledge_bases).where(knowledge_bases.c.team_id == team_id, knowledge_bases.c.slug == slug)
    ).first()


def _existing(connection: Connection, team_id: str, slug: str) -> Row[Any]:
    row = _by_slug(connection, team_id, slug)
    if row is None:
        raise KnowledgeBaseNotFound(base_missing(slug))
    return row


def _readers(connection: Connection, team_id: str, base_id: str) -> tuple[str, ...]:
    found = connection.scalars(
        select(assistants.c.slug)
        .join_from(assistants, assistant_knowledge, assistant_knowledge.c.assistant_id == assistants.c.id)
        .where(assistants.c.team_id == team_id, assistant_knowledge.c.knowledge_base_id == base_id)
        .order_by(assistants.c.slug)
    )
    return tuple(found)
