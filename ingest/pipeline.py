"""From an upload to passages that can be found: read, chunk, embed, publish.

Every finished piece of work is staged in the knowledge base, so a run that was cut off anywhere goes on where
it stopped and makes the same batches, hence the same vectors, as a run that was left alone.
"""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ingest.cage import read_pages
from ingest.chunks import chunk_pages
from ingest.limits import ReadLimits
from ingest.unreadable import NoText, Unreadable
from knowledge.base import KnowledgeBase
from knowledge.documents import Chunk, DocumentStatus, Page, Progress
from knowledge.embeddings import Embedder
from knowledge.errors import DocumentNotFound, Remade, Superseded
from knowledge.rebuild import Rebuild
from knowledge.recipe import Making

_log = logging.getLogger(__name__)
_BATCH = 32  # chunks embedded and staged in one go: a second or so of work
_FETCHED = 8 * _BATCH  # texts taken from the base at a time; a multiple, so that batches keep their borders
_TELL_EVERY_S = 0.2
_BREATH_S = 0.001  # between batches, so that a waiting question gets its turn
_FULL = "There was no room left on the disk: free some, then upload the file again."
_UNEXPECTED = (
    "Something went wrong inside the service: upload the file again, and tell the operator if it stays."
)
OUR_FAULT = (_FULL, _UNEXPECTED)
"""Errors of documents whose file is not to blame."""
# As Tesseract names them.
_OCR_LANGUAGES = {
    "de": "deu+eng",
    "en": "eng",
    "es": "spa+eng",
    "et": "est+eng",
    "fr": "fra+eng",
    "it": "ita+eng",
    "ja": "jpn+eng",
    "ko": "kor+eng",
    "pt": "por+eng",
    "zh": "chi_sim+eng",
}
_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


class Interrupted(Exception):
    """The work was told to stop; what is staged stays, and the next run goes on from there."""


def ingest_document(
    base: KnowledgeBase,
    document_id: str,
    sha256: str,
    *,
    limits: ReadLimits | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Make the pending content of a document ready, or failed with one sentence that says what to do.

    Returns quietly when that content is no longer wanted. Raises Interrupted soon after `stop` says so.
    """
    work = _Work(base, document_id, sha256, stop)
    try:
        work.run(limits or ReadLimits())
    except (Superseded, DocumentNotFound):
        _log.info("%s: another content is wanted by now", document_id)
    except Interrupted:
        raise
    except Unreadable as error:
        work.fail(str(error))
    except Exception as error:
        _log.exception("%s: ingest failed", document_id)
        work.fail(_FULL if disk_is_full(error) else _UNEXPECTED)


def for_language(limits: ReadLimits, language: str | None) -> ReadLimits:
    """With OCR in the language that a base is set to, and English; None leaves it to the installation."""
    name = _OCR_LANGUAGES.get((language or "").partition("-")[0])
    return replace(limits, ocr_languages=name) if name else limits


def disk_is_full(error: BaseException) -> bool:
    """Whether an error of a file or of SQLite means that there is no room left."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL_ERRNOS


class _Work:
    def __init__(self, base: KnowledgeBase, document_id: str, sha256: str, stop: Callable[[], bool]) -> None:
        self._base = base
        self._content = (document_id, sha256)
        self._pending = base.pending(document_id, sha256)
        self._stop = stop
        self._told = 0.0

    def run(self, limits: ReadLimits) -> None:
        pages = self._pending.staged_pages()
        if pages is None:
            pages = self._read(limits)
        read = Progress(pages_read=len(pages), pages_total=len(pages))
        self._pending.report(DocumentStatus.EMBEDDING, read)
        while True:
            try:
                self._embed(self._chunk(pages))
                self._pending.publish()
                return
            except Remade:
                _log.info("%s: the base is made otherwise by now; cut and embedded again", self._content[0])

    def fail(self, sentence: str) -> None:
        """On a full disk even this may not be written: then the work is tried again at the next start."""
        for wait in (0.0, 0.5, 2.0):
            time.sleep(wait)
            try:
                self._pending.fail(sentence)
                return
            except (Superseded, DocumentNotFound):
                return
            except (sqlite3.Error, OSError) as error:
                _log.error("%s: cannot record the failure: %s", self._content[0], error)

    def _read(self, limits: ReadLimits) -> list[Page]:
        document = self._base.document(self._content[0])
        self._tell(0, None)
        result = read_pages(
            self._base.original(*self._content),
            name=document.name,
            media_type=document.media_type,
            limits=for_language(limits, self._base.settings.language),
            on_progress=self._tell,
        )
        self._pending.stage_pages(result.pages, result.warnings)
        return result.pages

    def _tell(self, read: int, total: int | None) -> None:
        self._check()
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            progress = Progress(pages_read=read, pages_total=total)
            self._pending.report(DocumentStatus.READING, progress)

    def _chunk(self, pages: list[Page]) -> Embedder:
        """Also after a restart: cutting is quick, and chunks of the same text keep their vectors.

        Returns the embedder that the chunks are to be embedded with.
        """
        self._check()
        making = self._base.making()
        chunks = cut(pages, making)
        if not chunks:
            raise NoText("The file has no text in it: upload a version that has.")
        self._pending.stage_chunks(chunks, making.recipe)
        return making.embedder

    def _embed(self, embedder: Embedder) -> None:
        while fetched := self._pending.unembedded(_FETCHED):
            for start in range(0, len(fetched), _BATCH):
                self._check()
                batch = fetched[start : start + _BATCH]
                vectors = embedder.encode_documents([text for _, text in batch])
                self._pending.stage_vectors([ordinal for ordinal, _ in batch], vectors)
                time.sleep(_BREATH_S)

    def _check(self) -> None:
        if self._stop():
            raise Interrupted


def rebuild(base: KnowledgeBase, *, stop: Callable[[], bool] = lambda: False) -> None:
    """Make a base anew, where its settings ask for that, until what is made is served.

    Raises Interrupted soon after `stop` says so, and what the embedder raises; the next run goes on there.
    """
    while (work := base.rebuild()) is not None:
        with suppress(Superseded):  # other settings are wanted by now
            _rebuild(work, stop)


def _rebuild(work: Rebuild, stop: Callable[[], bool]) -> None:
    making = Making(recipe=work.recipe, embedder=work.embedder)
    served = False
    while not served:
        while (uncut := work.uncut()) is not None:
            if stop():
                raise Interrupted
            work.stage(uncut, cut(uncut.pages, making))
            _embed_next(work, stop)
        _embed_next(work, stop)
        served = work.swap()


def _embed_next(work: Rebuild, stop: Callable[[], bool]) -> None:
    while batch := work.unembedded(_BATCH):
        if stop():
            raise Interrupted
        work.stage_vectors(batch, work.embedder.encode_documents([chunk.text for chunk in batch]))
        time.sleep(_BREATH_S)


def cut(pages: Sequence[Page], making: Making) -> list[Chunk]:
    """The chunks of a document as the recipe of its base has them."""
    return chunk_pages(
        pages,
        count_tokens=making.embedder.count_tokens,
        size=making.recipe.chunk_tokens,
        overlap_sentences=making.recipe.overlap_sentences,
    )
