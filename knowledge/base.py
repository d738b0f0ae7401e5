"""A knowledge base: one folder of documents that can be searched."""

import json
import re
import time
from collections.abc import Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from knowledge import attributes as notes
from knowledge import catalogue, filters, rebuild, rows, staging
from knowledge.database import Database
from knowledge.documents import (
    Document,
    DocumentStatus,
    Page,
    PageSummary,
    Receipt,
    SearchResult,
)
from knowledge.embeddings import Embedder
from knowledge.errors import DocumentNotFound, PageNotFound, Superseded, UnusableSettings
from knowledge.filters import Filter
from knowledge.index import Change, Index
from knowledge.opening import follow_recipe, follow_terms
from knowledge.originals import Originals
from knowledge.pending import Pending
from knowledge.rebuild import Rebuild, Rebuilding
from knowledge.recipe import EMBEDDER_ERRORS, BaseSettings, Embedders, Making, Recipe
from knowledge.reranking import RerankerNotFound, Rerankers
from knowledge.search import Snapshot, search
from knowledge.traces import erase, tidy

_SHA256 = re.compile(r"[0-9a-f]{64}")


class KnowledgeBase:
    """Documents, their pages, chunks, postings and vectors.

    `base.sqlite` is the truth and changes in whole transactions; `index.faiss` is a cache of its vectors;
    `files/` holds the originals, named by document id and content hash. Any thread may call anything.
    """

    def __init__(self, folder: Path, embedders: Embedders, rerankers: Rerankers) -> None:
        self.folder = folder
        self.rerankers = rerankers
        # Why making it anew does not go on, said by whoever does it.
        self.rebuild_error: str | None = None
        self._embedders = embedders
        files = folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "base.sqlite")
        self._originals = Originals(files, self._database)
        try:
            with self._database.reading() as connection:
                self._settings = BaseSettings.read(
                    connection.execute("SELECT settings FROM state").fetchone()["settings"]
                )
            serving = follow_recipe(self._database, self._settings, embedders)
            self.rebuild_error = serving.error
            self._index = Index(self._database, folder / "index.faiss", serving.embedder)
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(
        cls, folder: Path, *, embedder: Embedder | Embedders, rerankers: Rerankers | None = None
    ) -> Self:
        """Open the knowledge base in a folder, or make one; puts right what a crash left behind.

        Raises what opening its embedder raises.
        """
        embedders = Embedders.only(embedder) if isinstance(embedder, Embedder) else embedder
        base = cls(folder, embedders, rerankers or Rerankers())
        try:
            follow_terms(base._database, base.embedder)
            base._originals.sweep()
            base._index.refresh()
            base._adopt()
            tidy(base._database, base._index)
        except BaseException:
            base._database.close()
            raise
        return base

    def close(self) -> None:
        """Twice is harmless."""
        if self._database.closed:
            return
        self._index.close()
        self._database.close()

    # How it is made

    @property
    def settings(self) -> BaseSettings:
        return self._settings

    @property
    def embedder(self) -> Embedder:
        """The one that made the vectors being served."""
        return self._index.embedder

    def making(self) -> Making:
        """What chunks are made with now. A base may be made anew meanwhile: see `stage_chunks`."""
        while True:
            embedder = self.embedder
            with self._database.reading() as connection:
                state = connection.execute("SELECT recipe, fingerprint FROM state").fetchone()
            if embedder.fingerprint == state["fingerprint"]:
                return Making(recipe=Recipe.read(state["recipe"]), embedder=embedder)
            time.sleep(0.001)  # the swap is committed, and about to be told to this process

    def configure(self, settings: BaseSettings) -> None:
        """Change what the editors decide.

        Another embedder, or another size of chunks, is served when `rebuild` has made everything anew; until
        then the old one is. Raises UnusableSettings, and nothing has changed.
        """
        try:
            wanted = Recipe.of(settings, self._embedders)
            if settings.reranker is not None:
                self.rerankers.get(settings.reranker)
        except (*EMBEDDER_ERRORS, RerankerNotFound) as error:
            raise UnusableSettings(str(error)) from error
        with self._database.writing() as connection:
            connection.execute("UPDATE state SET settings = ?", (settings.text(),))
            rebuild.aim(connection, wanted)
        self._settings = settings
        self.rebuild_error = None
        self._adopt()

    def rebuilding(self) -> Rebuilding | None:
        """How far the making anew is; None when there is none to do."""
        with self._database.reading() as connection:
            found = rebuild.progress(connection)
        return found and replace(found, error=self.rebuild_error)

    def rebuild(self) -> Rebuild | None:
        """The work of making the base anew, or what is left of it; None when there is none.

        Raises what opening the embedder raises.
        """
        with self._database.reading() as connection:
            (text,) = connection.execute("SELECT next_recipe FROM state").fetchone()
        if text is None:
            return None
        recipe = Recipe.read(text)
        making = Making(recipe=recipe, embedder=self._embedders.get(recipe.embedder))
        return Rebuild(self._database, self._index, making)

    # Documents

    def accept(
        self,
        upload: Path,
        *,
        name: str,
        media_type: str,
        sha256: str,
        size: int,
        attributes: notes.Attributes | None = None,
    ) -> Document:
        """Take a file in; `upload` is moved away. A known name updates that document in place.

        The served content goes on serving until the new one is published. Content that is served already
        changes nothing; content that failed is tried again. `attributes` replace those that there were.
        """
        kept = None if attributes is None else notes.checked(attributes)
        if not _SHA256.fullmatch(sha256):
            raise ValueError("sha256 must be 64 lower-case hex digits")
        with self._database.writing() as connection:
            document_id = catalogue.admit(connection, catalogue.label(name), media_type, sha256, size)
            if kept is not None:
                notes.put(connection, catalogue.row(connection, document_id)["seq"], kept)
            self._originals.take(upload, document_id, sha256)
        self._originals.sweep(document_id)
        tidy(self._database, self._index)
        return self.document(document_id)

    def documents(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        before: str | None = None,
        order: Literal["asc", "desc"] = "asc",
        statuses: Collection[DocumentStatus] = (),
        filter: Filter | None = None,
    ) -> list[Document]:
        """A page of the list, by time of the first upload; `after` and `before` are ids of documents.

        Only those in one of the `statuses`, if there are any, that pass the filter. Raises UnusableFilter.
        """
        condition, values = ("1", []) if filter is None else filters.document_condition(filter)
        if statuses:
            condition += " AND status IN (SELECT value FROM json_each(?))"
            values = [*values, json.dumps(list(statuses))]
        with self._database.reading() as connection:
            found = catalogue.listed(
                connection, limit=limit, after=after, before=before, order=order, where=(condition, values)
            )
        return [rows.document(row) for row in found]

    def count(self) -> int:
        """How many documents there are, in whatever state."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])

    def all_ids(self) -> list[str]:
        """Of every document, in whatever state."""
        with self._database.reading() as connection:
            return [row["id"] for row in connection.execute("SELECT id FROM documents ORDER BY seq")]

    def document(self, document_id: str) -> Document:
        with self._database.reading() as connection:
            return rows.document(catalogue.row(connection, document_id))

    def unfinished(self) -> list[Document]:
        """Documents with content in work, oldest upload first."""
        with self._database.reading() as connection:
            return [rows.document(row) for row in catalogue.unfinished(connection)]

    def original(self, document_id: str, sha256: str | None = None) -> Path:
        """The file as it was uploaded.

        Without `sha256` the served content, or the latest upload before the first is served. With it that
        content, served or pending; raises Superseded when it is neither.
        """
        with self._database.reading() as connection:
            row = catalogue.row(connection, document_id)
        known = [each for each in (row["sha256"], row["upload_sha256"]) if each]
        if sha256 is not None and sha256 not in known:
            raise Superseded(document_id)
        return self._originals.path(document_id, sha256 or known[0])

    def page(self, document_id: str, number: int) -> Page:
        with self._database.reading() as connection:
            seq = catalogue.row(connection, document_id)["seq"]
            found = connection.execute(
                "SELECT number, label, text, blocks FROM pages WHERE document = ? AND number = ?",
                (seq, number),
            ).fetchone()
        if found is None:
            raise PageNotFound(f"{document_id} has no page {number}")
        return rows.page(found)

    def annotate(self, document_id: str, attributes: notes.Attributes) -> Document:
        """Replace the attributes of a document; nothing is read or embedded again."""
        kept = notes.checked(attributes)
        with self._database.writing() as connection:
            notes.put(connection, catalogue.row(connection, document_id)["seq"], kept)
        return self.document(document_id)

    def rename(self, document_id: str, name: str) -> Document:
        """Name a document otherwise. Raises NameTaken.

        It is found by its new name at once. The name is part of what is embedded, so it is queued for that;
        meanwhile what is served goes on serving.
        """
        wanted = catalogue.label(name)
        with self._database.writing() as connection:
            row = catalogue.row(connection, document_id)
            if wanted != row["name"]:
                catalogue.rename(connection, row, wanted)
                rebuild.forget(connection, row["seq"])
                self._index.commit(connection, Change(vectors=self._no_vectors()))
        return self.document(document_id)

    def remove(self, document_id: str) -> Receipt:
        """Take a document out: when this returns no file in the folder holds its text."""
        receipts = self.remove_all([document_id])
        if not receipts:
            raise DocumentNotFound(document_id)
        return receipts[0]

    def remove_all(self, document_ids: Collection[str]) -> list[Receipt]:
        """Take out those of these documents that there are, the traces of all at the end."""
        receipts: list[Receipt] = []
        for document_id in dict.fromkeys(document_ids):
            with suppress(DocumentNotFound):
                receipts.append(self._remove(document_id))
        if receipts:
            erase(self._database, self._index)
        return receipts

    def _remove(self, document_id: str) -> Receipt:
        with self._database.writing() as connection:
            row = catalogue.row(connection, document_id)
            catalogue.take_out(connection, row)
            staging.discard(connection, row["seq"])
            connection.execute("DELETE FROM documents WHERE seq = ?", (row["seq"],))
            connection.execute("UPDATE state SET erasing = 1")
            self._index.commit(connection, Change(gone=catalogue.span(row), vectors=self._no_vectors()))
        return Receipt(
            document_id=document_id,
            name=row["name"],
            pages=row["pages"],
            chunks=row["chunks"],
            vectors=row["chunks"],
            files=self._originals.sweep(document_id),
        )

    def pages_of(self, document_id: str) -> list[PageSummary]:
        """What the served pages hold, in order."""
        with self._database.reading() as connection:
            row = catalogue.row(connection, document_id)
            found = connection.execute(
                "SELECT number, label, length(pages.text), count(chunks.id) FROM pages LEFT JOIN chunks"
                " ON chunks.id >= ? AND chunks.id < ? AND chunks.page = number"
                " WHERE pages.document = ? GROUP BY number ORDER BY number",
                (row["first_chunk"] or 0, (row["first_chunk"] or 0) + row["chunks"], row["seq"]),
            )
            return [
                PageSummary(number=number, label=label, characters=characters, chunks=chunks)
                for number, label, characters, chunks in found
            ]

    def pending(self, document_id: str, sha256: str) -> Pending:
        """The work on content that was taken in and is not served yet."""
        return Pending(self._database, self._index, self._originals, (document_id, sha256))

    # Search

    def search(
        self, query: str, *, k: int = 8, floor: float | None = None, filter: Filter | None = None
    ) -> SearchResult:
        """See `knowledge.search.search`; of this base alone."""
        return search([self], query, k=k, floor=floor, filter=filter)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The base as it is now, for one search: rows and vectors of the same generation."""
        return self._index.snapshot()

    # Inside

    def _adopt(self) -> None:
        """In a base that serves nothing yet there is nothing to make anew."""
        with self._database.reading() as connection:
            (chunks,) = connection.execute("SELECT chunks FROM state").fetchone()
        work = None if chunks else self.rebuild()
        if work is not None:
            with suppress(Superseded):  # a document came in, or other settings did
                work.swap()

    def _no_vectors(self) -> NDArray[np.float16]:
        return np.empty((0, self.embedder.dimensions), np.float16)
