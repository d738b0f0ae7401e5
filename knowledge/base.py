"""A knowledge base: one folder of documents that can be searched."""

import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from knowledge import attributes as notes
from knowledge import catalogue, familiarity, filters, lexical, postings, rebuild, rows, staging
from knowledge.database import Database
from knowledge.documents import (
    Chunk,
    Document,
    DocumentStatus,
    Page,
    PageSummary,
    Progress,
    Receipt,
    SearchResult,
)
from knowledge.embeddings import Embedder
from knowledge.errors import DocumentNotFound, NotEmbedded, PageNotFound, Remade, Superseded, UnusableSettings
from knowledge.filters import Filter
from knowledge.index import Change, Index
from knowledge.rebuild import Rebuild, Rebuilding
from knowledge.recipe import EMBEDDER_ERRORS, BaseSettings, Embedders, Making, Recipe
from knowledge.reranking import DEPTH, RerankerNotFound, Rerankers, rerank
from knowledge.search import Snapshot, find

_SHA256 = re.compile(r"[0-9a-f]{64}")


class KnowledgeBase:
    """Documents, their pages, chunks, postings and vectors.

    `base.sqlite` is the truth and changes in whole transactions; `index.faiss` is a cache of its vectors;
    `files/` holds the originals, named by document id and content hash. Any thread may call anything.
    """

    def __init__(self, folder: Path, embedders: Embedders, rerankers: Rerankers) -> None:
        self.folder = folder
        self.rerankers = rerankers
        self.rebuild_error: str | None = None  # why making it anew does not go on, said by whoever does it
        self._embedders = embedders
        self._files = folder / "files"
        self._files.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "base.sqlite")
        try:
            with self._database.reading() as connection:
                self._settings = BaseSettings.read(
                    connection.execute("SELECT settings FROM state").fetchone()["settings"]
                )
            self._index = Index(self._database, folder / "index.faiss", self._follow_recipe())
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
            base._follow_terms()
            base._sweep("*")
            base._index.refresh()
            base._adopt()
            base._tidy()
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
            target = self._file(document_id, sha256)
            shutil.move(upload, target)
            _sync(target, self._files)
        self._sweep(f"{document_id}-*")
        self._tidy()
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
        return self._file(document_id, sha256 or known[0])

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
            self._erase()
        return receipts

    def _remove(self, document_id: str) -> Receipt:
        with self._database.writing() as connection:
            row = catalogue.row(connection, document_id)
            catalogue.take_out(connection, row)
            staging.discard(connection, row["seq"])
            connection.execute("DELETE FROM documents WHERE seq = ?", (row["seq"],))
            connection.execute("UPDATE state SET erasing = 1")
            self._index.commit(connection, Change(gone=_span(row), vectors=self._no_vectors()))
        return Receipt(
            document_id=document_id,
            name=row["name"],
            pages=row["pages"],
            chunks=row["chunks"],
            vectors=row["chunks"],
            files=self._sweep(f"{document_id}-*"),
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

    # Work of the pipeline: each one transaction, each repeatable

    def report(self, document_id: str, sha256: str, status: DocumentStatus, progress: Progress) -> None:
        """Tell how far the reading is. Chunks are counted by the staging calls, not told."""
        with self._pending(document_id, sha256) as (connection, row):
            connection.execute(
                "UPDATE documents SET status = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (status, progress.pages_read, progress.pages_total, time.time(), row["seq"]),
            )

    def stage_pages(
        self, document_id: str, sha256: str, pages: Sequence[Page], warnings: Sequence[str]
    ) -> None:
        with self._pending(document_id, sha256) as (connection, row):
            staging.put_pages(connection, row["seq"], pages)
            connection.execute(
                "UPDATE documents SET upload_warnings = ?, pages_read = ?, pages_total = ?, updated_at = ?"
                " WHERE seq = ?",
                (json.dumps(list(warnings)), len(pages), len(pages), time.time(), row["seq"]),
            )

    def staged_pages(self, document_id: str, sha256: str) -> list[Page] | None:
        """The pages staged before, None when there are none yet."""
        with self._database.reading() as connection:
            row = catalogue.pending_row(connection, document_id, sha256)
            return staging.pages(connection, row["seq"]) if row["pages_staged"] else None

    def stage_chunks(
        self, document_id: str, sha256: str, chunks: Sequence[Chunk], recipe: Recipe | None = None
    ) -> None:
        """Replace the staged chunks. Text that was embedded before, here or in the served version, keeps its
        vector. Ordinals count from 0 without a gap.

        `recipe` is what they were cut with. Raises Remade when the base is made with another one by now; so
        do the steps after this one, as soon as it is.
        """
        if [chunk.ordinal for chunk in chunks] != list(range(len(chunks))):
            raise ValueError("the ordinals of chunks must count from 0")
        with self._pending(document_id, sha256) as (connection, row):
            state = connection.execute("SELECT recipe, fingerprint FROM state").fetchone()
            if recipe and not recipe.makes_the_same(Recipe.read(state["recipe"])):
                raise Remade(document_id)
            embedded, reused = staging.put_chunks(
                connection, row["seq"], row["name"], chunks, state["fingerprint"]
            )
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, chunks_total = ?, chunks_reused = ?,"
                " updated_at = ? WHERE seq = ?",
                (embedded, len(chunks), reused, time.time(), row["seq"]),
            )

    def unembedded(self, document_id: str, sha256: str, limit: int) -> list[tuple[int, str]]:
        """Ordinal and text to embed of the first `limit` staged chunks that have no vector."""
        with self._database.reading() as connection:
            row = catalogue.pending_row(connection, document_id, sha256)
            return list(staging.unembedded(connection, row["seq"], row["name"], limit))

    def stage_vectors(
        self, document_id: str, sha256: str, ordinals: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        with self._pending(document_id, sha256) as (connection, row):
            if not row["chunks_staged"]:
                raise Remade(document_id)
            if vectors.shape != (len(ordinals), self.embedder.dimensions):
                raise ValueError(f"expected {len(ordinals)} vectors of {self.embedder.dimensions} dimensions")
            embedded = staging.put_vectors(connection, row["seq"], ordinals, vectors)
            connection.execute(
                "UPDATE documents SET chunks_embedded = ?, updated_at = ? WHERE seq = ?",
                (embedded, time.time(), row["seq"]),
            )

    def publish(self, document_id: str, sha256: str) -> Document:
        """Swap the staged content in. Raises NotEmbedded while a chunk has no vector."""
        embedder = self.embedder
        staged, known_samples = self._staged(document_id, sha256, embedder)
        # The slow part comes before the transaction.
        kinds = familiarity.kinds(embedder, staged.texts)
        vectors, others = staged.vectors.astype(np.float32), self._index.background()
        if embedder is not self.embedder:
            raise Remade(document_id)
        observations = familiarity.observe(embedder, staged.texts, kinds, vectors, others, known_samples)
        with self._pending(document_id, sha256) as (connection, row):
            if not row["chunks_staged"]:
                raise Remade(document_id)
            if not staging.is_staged(connection, row["seq"], staged):
                raise Superseded(document_id)  # staged anew meanwhile
            catalogue.take_out(connection, row)
            first = catalogue.free_range(connection, len(kinds))
            staging.move(connection, row["seq"], first, kinds.tolist())
            postings.add(connection, first, staged.terms)
            familiarity.record(connection, observations)
            rebuild.forget(connection, row["seq"])
            catalogue.mark_served(connection, row, embedder.fingerprint, first, len(kinds))
            if row["sha256"] is not None:
                connection.execute("UPDATE state SET erasing = 1")
            change = Change(gone=_span(row), first=first, vectors=staged.vectors)
            self._index.commit(connection, change)
        self._sweep(f"{document_id}-*")
        self._tidy()
        return self.document(document_id)

    def fail(self, document_id: str, sha256: str, error: str) -> None:
        """Give the pending content up; what was served before goes on serving."""
        with self._pending(document_id, sha256) as (connection, row):
            staging.discard(connection, row["seq"])
            connection.execute(
                "UPDATE documents SET status = ?, error = ?, updated_at = ? WHERE seq = ?",
                (DocumentStatus.FAILED, error, time.time(), row["seq"]),
            )
        self._tidy()

    # Search

    def search(
        self, query: str, *, k: int = 8, floor: float | None = None, filter: Filter | None = None
    ) -> SearchResult:
        """See `search` below; of this base alone."""
        return search([self], query, k=k, floor=floor, filter=filter)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The base as it is now, for one search: rows and vectors of the same generation."""
        return self._index.snapshot()

    # Inside

    @contextmanager
    def _pending(self, document_id: str, sha256: str) -> Iterator[tuple[sqlite3.Connection, sqlite3.Row]]:
        with self._database.writing() as connection:
            yield connection, catalogue.pending_row(connection, document_id, sha256)

    def _staged(
        self, document_id: str, sha256: str, embedder: Embedder
    ) -> tuple[staging.Staged, NDArray[np.float64]]:
        with self._database.reading() as connection:
            row = catalogue.pending_row(connection, document_id, sha256)
            staged = staging.staged(connection, row["seq"], row["name"], embedder.dimensions)
            samples = familiarity.samples(connection)
        if staged is None or not row["chunks_staged"]:
            raise NotEmbedded
        return staged, samples

    def _tidy(self) -> None:
        """Erase what is due and write the cache; between uploads, or it would be done again and again."""
        with self._database.reading() as connection:
            (erasing,) = connection.execute("SELECT erasing FROM state").fetchone()
            idle = catalogue.is_idle(connection)
        if idle and erasing:
            self._erase()
        elif idle:
            self._index.save(however_large=False)

    def _erase(self) -> None:
        """Leave no trace of removed text or vectors in any file."""
        self._index.drop_cache()
        self._database.erase_traces()
        with self._database.writing() as connection:
            connection.execute("UPDATE state SET erasing = 0")
        self._index.save(however_large=False)

    def _file(self, document_id: str, sha256: str) -> Path:
        return self._files / f"{document_id}-{sha256}"

    def _sweep(self, pattern: str) -> int:
        """Unlink the originals that no row names. Returns how many."""
        with self._database.writing() as connection:  # so that no upload is between its file and its row
            found = connection.execute("SELECT id, sha256, upload_sha256 FROM documents")
            named = {self._file(row["id"], sha256) for row in found for sha256 in row[1:] if sha256}
            unnamed = [path for path in self._files.glob(pattern) if path not in named]
            for path in unnamed:
                path.unlink(missing_ok=True)
        return len(unnamed)

    def _follow_recipe(self) -> Embedder:
        """The embedder that the base is served with. It is on its way to another one where that is wanted.

        When the embedder of its vectors cannot be opened any more the vectors are forgotten: until they are
        made anew a document is found by its words.
        """
        with self._database.writing() as connection:
            state = connection.execute("SELECT recipe, fingerprint FROM state").fetchone()
            served = (
                Recipe.read(state["recipe"]) if state["recipe"] else self._first_recipe(state["fingerprint"])
            )
            serving = self._opened(served)
            wanted = self._wanted(served, serving)
            if serving is None:
                serving = self._embedders.get(wanted.embedder)
                if state["fingerprint"] != wanted.fingerprint:
                    self._forget_vectors(connection, wanted.fingerprint)
            connection.execute("UPDATE state SET recipe = ?", (served.text(),))
            if state["recipe"] is None:
                connection.execute("UPDATE state SET fingerprint = ?", (served.fingerprint,))
            rebuild.aim(connection, wanted)
        return serving

    def _first_recipe(self, fingerprint: str) -> Recipe:
        """Of a new base, or of one that was made before recipes were kept."""
        recipe = Recipe.of(BaseSettings(), self._embedders)
        return replace(recipe, fingerprint=fingerprint) if fingerprint else recipe

    def _opened(self, recipe: Recipe) -> Embedder | None:
        """The embedder of a recipe, if there is one of that name that is still the same."""
        try:
            embedder = self._embedders.get(recipe.embedder)
        except EMBEDDER_ERRORS:
            return None
        return embedder if embedder.fingerprint == recipe.fingerprint else None

    def _wanted(self, served: Recipe, serving: Embedder | None) -> Recipe:
        """What the settings ask for; what is served, as long as that cannot be opened."""
        try:
            return Recipe.of(self._settings, self._embedders)
        except EMBEDDER_ERRORS as error:
            if serving is None:
                raise
            self.rebuild_error = str(error)
            return served

    def _forget_vectors(self, connection: sqlite3.Connection, fingerprint: str) -> None:
        for table in ("vectors", "staged_chunks"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
        connection.execute("UPDATE documents SET chunks_staged = 0")
        connection.execute("UPDATE state SET fingerprint = ?, generation = generation + 1", (fingerprint,))
        familiarity.forget(connection)

    def _adopt(self) -> None:
        """In a base that serves nothing yet there is nothing to make anew."""
        with self._database.reading() as connection:
            (chunks,) = connection.execute("SELECT chunks FROM state").fetchone()
        work = None if chunks else self.rebuild()
        if work is not None:
            with suppress(Superseded):  # a document came in, or other settings did
                work.swap()

    def _follow_terms(self) -> None:
        """Make postings and kinds again when this version of Doumi tells terms or texts apart otherwise."""
        with self._database.writing() as connection:
            (version,) = connection.execute("SELECT terms_version FROM state").fetchone()
            if version == lexical.TERMS_VERSION:
                return
            postings.clear(connection)
            for row in connection.execute(f"{rows.DOCUMENT} WHERE chunks > 0").fetchall():
                postings.add(connection, row["first_chunk"], catalogue.served_terms(connection, row))
                kinds = familiarity.kinds(self.embedder, catalogue.served_texts(connection, row))
                connection.executemany(
                    "UPDATE vectors SET kind = ? WHERE chunk = ?",
                    zip(
                        kinds.tolist(),
                        range(row["first_chunk"], row["first_chunk"] + row["chunks"]),
                        strict=True,
                    ),
                )
            connection.execute("UPDATE state SET terms_version = ?", (lexical.TERMS_VERSION,))

    def _no_vectors(self) -> NDArray[np.float16]:
        return np.empty((0, self.embedder.dimensions), np.float16)


def search(
    bases: Sequence[KnowledgeBase],
    query: str,
    *,
    k: int = 8,
    floor: float | None = None,
    document_ids: Collection[str] | None = None,
    filter: Filter | None = None,
) -> SearchResult:
    """The passages of some knowledge bases that bear on a query, best first.

    `floor` is the relevance below which a passage is left out: 0.0 for none, None for that of the bases (the
    lowest that their editors set), else Doumi's own. The reranker is that of the first base that has one.
    `document_ids` and `filter` limit the search itself, so that k passages come back if k pass.
    """
    among = None if document_ids is None else filters.of_documents(sorted(document_ids))
    wanted = filters.both(filter, among)
    if floor is None:
        floor = _floor_of(bases)
    named = next(((base.rerankers, base.settings.reranker) for base in bases if base.settings.reranker), None)
    if named is None:
        return find(bases, query, k=k, floor=floor, wanted=wanted)
    rerankers, name = named
    state, reranker = rerankers.ready(str(name))
    if reranker is None:
        return replace(find(bases, query, k=k, floor=floor, wanted=wanted), reranking=state)
    return rerank(find(bases, query, k=max(k, DEPTH), floor=floor, wanted=wanted), reranker, k)


def _floor_of(bases: Sequence[KnowledgeBase]) -> float | None:
    return min((base.settings.floor for base in bases if base.settings.floor is not None), default=None)


def _span(row: sqlite3.Row) -> tuple[int, int] | None:
    return (row["first_chunk"], row["first_chunk"] + row["chunks"]) if row["chunks"] else None


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
