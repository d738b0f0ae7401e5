"""From an upload to passages, step by step, in one process."""

import errno
import hashlib
import sqlite3
from pathlib import Path

import pytest

from ingest import pipeline
from ingest.limits import ReadLimits
from ingest.pipeline import Interrupted, disk_is_full, ingest_document
from knowledge.base import KnowledgeBase
from knowledge.documents import Document, DocumentStatus
from knowledge.embeddings import HashingEmbedder
from knowledge.errors import DocumentNotFound
from knowledge.pending import Pending
from tests.ingest import files
from tests.ingest.test_worker import contents

SAID = "In year {} the region of town number {} sold more units to its customers than before."
REPORT = files.pdf([[SAID.format(page, n) for n in range(25)] for page in range(40)])


class Watching(HashingEmbedder):
    """Calls back before each batch."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.before = lambda: None

    def encode_documents(self, texts):
        self.before()
        self.batches.append(len(texts))
        return super().encode_documents(texts)


@pytest.fixture
def embedder():
    return Watching()


@pytest.fixture
def base(tmp_path, embedder):
    opened = KnowledgeBase.open(tmp_path / "base", embedder=embedder)
    yield opened
    opened.close()


def accept(base: KnowledgeBase, name: str, content: bytes) -> tuple[str, str]:
    upload = base.folder.parent / "upload"
    upload.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    document = base.accept(upload, name=name, media_type="", sha256=sha256, size=len(content))
    return document.id, sha256


def ingest(base: KnowledgeBase, name: str, content: bytes, **options: object) -> Document:
    document_id, sha256 = accept(base, name, content)
    ingest_document(base, document_id, sha256, **options)  # type: ignore[arg-type]
    return base.document(document_id)


def test_an_upload_becomes_pages_and_passages_with_locators(base):
    document = ingest(
        base, "policy.pdf", files.pdf([["Hotels cost at most 120 EUR."], [], ["Trains come first."]])
    )
    assert document.status is DocumentStatus.READY
    assert (document.pages, document.chunks, document.warnings) == (3, 2, ("page 2 has no text",))
    assert base.page(document.id, 3).text == "Trains come first."
    with base.snapshot() as snapshot:
        locators = snapshot.connection.execute("SELECT locator FROM chunks ORDER BY id").fetchall()
    assert [locator for (locator,) in locators] == ["page 1", "page 3"]


def test_a_bad_file_is_told_in_one_sentence_and_the_next_one_goes_on(base):
    failed = ingest(base, "a.pdf", b"no PDF at all, just text")
    assert failed.status is DocumentStatus.FAILED
    assert (
        failed.error == "The file is named like a PDF but looks like a text file: upload the original file."
    )
    assert ingest(base, "b.txt", b"Good text.").status is DocumentStatus.READY


def test_limits_reach_the_reader(base):
    document = ingest(base, "a.txt", b"too long " * 9, limits=ReadLimits(characters=10))
    assert "more than 10 characters" in (document.error or "")


def test_an_update_that_fails_leaves_what_was_served(base):
    ingest(base, "a.txt", b"First version.")
    document = ingest(base, "a.txt", b"\x00\x01\x02 broken" * 9)
    assert document.status is DocumentStatus.FAILED
    assert base.page(document.id, 1).text == "First version."


def test_an_update_embeds_only_what_changed(base, embedder):
    ingest(base, "report.pdf", REPORT)
    embedder.batches.clear()
    changed = files.pdf(
        [[SAID.format(page, n) for n in range(25)] for page in range(39)] + [["A new last page."]]
    )
    document = ingest(base, "report.pdf", changed)
    assert document.status is DocumentStatus.READY
    assert sum(embedder.batches) == 1
    assert document.progress.chunks_reused == document.chunks - 1


def test_it_goes_on_from_wherever_it_was_stopped_and_ends_the_same(tmp_path, base, embedder):
    undisturbed = KnowledgeBase.open(tmp_path / "undisturbed" / "base", embedder=Watching())
    ingest(undisturbed, "report.pdf", REPORT)
    undisturbed.close()
    document_id, sha256 = accept(base, "report.pdf", REPORT)
    for checks in (1, 20, 42, 0, 1, 2):  # while reading, when it is read, before the first batch, after it
        asked = iter(range(checks))
        with pytest.raises(Interrupted):
            ingest_document(base, document_id, sha256, stop=lambda asked=asked: next(asked, None) is None)
        assert base.document(document_id).status in (DocumentStatus.READING, DocumentStatus.EMBEDDING)
    ingest_document(base, document_id, sha256)
    assert contents(tmp_path) == contents(tmp_path / "undisturbed")


def test_progress_can_be_watched(base, embedder):
    seen = []
    document_id, sha256 = accept(base, "report.pdf", REPORT)

    def look() -> None:
        document = base.document(document_id)
        seen.append((document.status, document.progress.pages_read, document.progress.chunks_embedded))

    embedder.before = look
    ingest_document(base, document_id, sha256)
    assert seen == [(DocumentStatus.EMBEDDING, 40, 32 * batch) for batch in range(len(embedder.batches))]
    assert len(seen) >= 3
    assert base.document(document_id).progress.chunks_embedded == base.document(document_id).chunks


def test_reading_is_reported_at_most_five_times_a_second(base, monkeypatch):
    reports = []
    monkeypatch.setattr(Pending, "report", lambda _, *told: reports.append(told))
    work = pipeline._Work(base, "doc", "sha", lambda: False)
    for page in range(1_000):
        work._tell(page, 1_000)
    assert len(reports) <= 2


def test_work_on_content_that_is_no_longer_wanted_stops_quietly(base, embedder):
    document_id, old = accept(base, "report.pdf", REPORT)
    embedder.before = lambda: accept(base, "report.pdf", b"%PDF-1.4 another one")
    ingest_document(base, document_id, old)
    assert len(embedder.batches) == 1
    assert base.document(document_id).status is DocumentStatus.QUEUED


def test_work_on_a_document_that_was_removed_stops_quietly(base, embedder):
    document_id, sha256 = accept(base, "report.pdf", REPORT)
    embedder.before = lambda: base.remove(document_id)
    ingest_document(base, document_id, sha256)
    with pytest.raises(DocumentNotFound):
        base.document(document_id)


def test_what_nobody_expected_fails_the_document_and_is_logged(base, embedder, caplog):
    def explode() -> None:
        raise RuntimeError("secret detail")

    embedder.before = explode
    document = ingest(base, "a.txt", b"Some text.")
    assert document.status is DocumentStatus.FAILED
    assert (document.error or "").startswith("Something went wrong inside the service: upload the file again")
    assert "secret detail" not in (document.error or "")
    assert "secret detail" in caplog.text


def test_a_full_disk_fails_the_document_and_leaves_nothing_half_there(base, embedder):
    def fill() -> None:
        connection = base._database._writer
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    embedder.before = fill
    document = ingest(base, "report.pdf", REPORT)
    assert document.status is DocumentStatus.FAILED
    assert document.error == "There was no room left on the disk: free some, then upload the file again."
    found = contents(base.folder.parent)
    assert {table for table, rows in found.items() if rows} == {"documents"}


def _sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (_sqlite_error(sqlite3.SQLITE_FULL), True),
        (_sqlite_error(sqlite3.SQLITE_BUSY), False),
        (ValueError("x"), False),
    ],
)
def test_a_full_disk_is_told_from_other_troubles(error, full):
    assert disk_is_full(error) is full


def test_korean_names_of_300_bytes_are_kept(base):
    name = "연차휴가" * 24 + "규정.txt"
    assert len(name.encode()) > 290
    document = ingest(base, name, "연차휴가는 15일이다.".encode("cp949"))
    assert document.status is DocumentStatus.READY
    assert document.name == name
    assert Path(base.original(document.id)).exists()
