"""What the OpenAI surface keeps of knowledge bases: notes, which file became which document, batches."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.records import FileBatch, KnowledgeBaseRecord, StoredFileLink, VectorStoreNotes
from service.store.engine import Database, aware, new_id, now
from service.store.knowledge_bases import record_of
from service.store.tables import knowledge_bases, vector_store_batches, vector_store_files, vector_stores

_USE_NOTED_EVERY = timedelta(minutes=1)  # so that a search does not write every time
_NOTHING = VectorStoreNotes(metadata={}, expires_days=None, last_active_at=None)


class VectorStoreNotFound(Exception):
    """The team has no vector store with this id; GET /v1/vector_stores lists those it has."""


class FileBatchNotFound(Exception):
    """The vector store has no file batch with this id."""


class VectorStores:
    """Queries about vector stores; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notes(self, team_id: str, base_ids: Sequence[str]) -> dict[str, VectorStoreNotes]:
        """The notes of each base; of one that the page made, there are none."""
        query = select(vector_stores).where(
            vector_stores.c.team_id == team_id, vector_stores.c.knowledge_base_id.in_(base_ids)
        )
        with self._database.read() as connection:
            found = {row.knowledge_base_id: _notes(row) for row in connection.execute(query)}
        return {base: found.get(base, _NOTHING) for base in base_ids}

    def note(self, team_id: str, base_id: str, values: Mapping[str, Any]) -> None:
        """Change metadata or expires_days; to do so is a use."""
        with self._database.write() as connection:
            _put(connection, team_id, base_id, dict(values) | {"last_active_at": now()})

    def use(self, team_id: str, base_ids: Sequence[str]) -> None:
        """Note that these were searched or filled, for their expiry; of what has no notes nothing expires."""
        moment = now()
        stale = (
            vector_stores.c.team_id == team_id,
            vector_stores.c.knowledge_base_id.in_(base_ids),
            vector_stores.c.last_active_at < moment - _USE_NOTED_EVERY,
        )
        with self._database.read() as connection:
            due = connection.execute(select(vector_stores.c.knowledge_base_id).where(*stale)).first()
        if due:
            with self._database.write() as connection:
                connection.execute(update(vector_stores).where(*stale).values(last_active_at=moment))

    def with_expiry(self) -> list[tuple[KnowledgeBaseRecord, VectorStoreNotes]]:
        """Every base of every team that can expire: only for the sweep."""
        query = (
            select(
                knowledge_bases,
                vector_stores.c.metadata,
                vector_stores.c.expires_days,
                vector_stores.c.last_active_at,
            )
            .join_from(
                knowledge_bases, vector_stores, vector_stores.c.knowledge_base_id == knowledge_bases.c.id
            )
            .where(vector_stores.c.expires_days.is_not(None))
        )
        with self._database.read() as connection:
            return [(record_of(row), _notes(row)) for row in connection.execute(query)]

    # Files

    def link(self, team_id: str, link: StoredFileLink) -> None:
        """Record which document a file became; an earlier link of the file in this base is replaced."""
        values = {
            name: getattr(link, name)
            for name in ("file_id", "document_id", "chunking", "batch_id", "created_at")
        }
        with self._database.write() as connection:
            _unlink(connection, team_id, link.base_id, link.file_id)
            connection.execute(
                insert(vector_store_files).values(**values, team_id=team_id, knowledge_base_id=link.base_id)
            )

    def unlink(self, team_id: str, base_id: str, file_id: str) -> None:
        """The file is in this base no more."""
        with self._database.write() as connection:
            _unlink(connection, team_id, base_id, file_id)

    def links(self, team_id: str, base_id: str) -> list[StoredFileLink]:
        """All files of a base that came through the OpenAI surface."""
        query = select(vector_store_files).where(
            vector_store_files.c.team_id == team_id, vector_store_files.c.knowledge_base_id == base_id
        )
        return self._links(query)

    def links_of_file(self, team_id: str, file_id: str) -> list[StoredFileLink]:
        """Where a file is a document."""
        query = select(vector_store_files).where(
            vector_store_files.c.team_id == team_id, vector_store_files.c.file_id == file_id
        )
        return self._links(query)

    def files_of_documents(self, team_id: str, document_ids: Sequence[str]) -> dict[str, str]:
        """The file ids that documents came from, by document id."""
        query = select(vector_store_files).where(
            vector_store_files.c.team_id == team_id, vector_store_files.c.document_id.in_(document_ids)
        )
        return {link.document_id: link.file_id for link in self._links(query) if link.document_id}

    def _links(self, query: Any) -> list[StoredFileLink]:
        with self._database.read() as connection:
            return [_link(row) for row in connection.execute(query)]

    # Batches

    def add_batch(self, team_id: str, base_id: str) -> FileBatch:
        """A batch, before its files."""
        batch = FileBatch(id=new_id("vsfb"), base_id=base_id, cancelled=False, created_at=now())
        with self._database.write() as connection:
            connection.execute(
                insert(vector_store_batches).values(
                    id=batch.id,
                    team_id=team_id,
                    knowledge_base_id=base_id,
                    cancelled=False,
                    created_at=batch.created_at,
                )
            )
        return batch

    def batch(self, team_id: str, base_id: str, batch_id: str) -> FileBatch:
        """Raises FileBatchNotFound."""
        query = select(vector_store_batches).where(
            vector_store_batches.c.team_id == team_id,
            vector_store_batches.c.knowledge_base_id == base_id,
            vector_store_batches.c.id == batch_id,
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise FileBatchNotFound(f"The vector store has no file batch {batch_id!r}.")
        return FileBatch(
            id=row.id,
            base_id=row.knowledge_base_id,
            cancelled=row.cancelled,
            created_at=aware(row.created_at),
        )

    def cancel_batch(self, team_id: str, batch_id: str) -> None:
        """Note that the batch was given up."""
        with self._database.write() as connection:
            connection.execute(
                update(vector_store_batches)
                .where(vector_store_batches.c.team_id == team_id, vector_store_batches.c.id == batch_id)
                .values(cancelled=True)
            )


def _put(connection: Connection, team_id: str, base_id: str, values: Mapping[str, Any]) -> None:
    mine = (vector_stores.c.team_id == team_id, vector_stores.c.knowledge_base_id == base_id)
    if connection.execute(update(vector_stores).where(*mine).values(**values)).rowcount == 0:
        fresh = {"metadata": {}, "expires_days": None} | dict(values)
        connection.execute(insert(vector_stores).values(**fresh, team_id=team_id, knowledge_base_id=base_id))


def _unlink(connection: Connection, team_id: str, base_id: str, file_id: str) -> None:
    connection.execute(
        delete(vector_store_files).where(
            vector_store_files.c.team_id == team_id,
            vector_store_files.c.knowledge_base_id == base_id,
            vector_store_files.c.file_id == file_id,
        )
    )


def _notes(row: Row[Any]) -> VectorStoreNotes:
    return VectorStoreNotes(
        metadata=row.metadata,
        expires_days=row.expires_days,
        last_active_at=aware(row.last_active_at) if row.last_active_at else None,
    )


def _link(row: Row[Any]) -> StoredFileLink:
    return StoredFileLink(
        base_id=row.knowledge_base_id,
        file_id=row.file_id,
        document_id=row.document_id,
        chunking=row.chunking,
        batch_id=row.batch_id,
        created_at=aware(row.created_at),
    )
