"""The job queue in real processes, which are killed and started again."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from knowledge.base import KnowledgeBase
from knowledge.documents import Document, DocumentStatus
from knowledge.embeddings import HashingEmbedder
from tests.ingest import files
from tests.ingest.worker_process import Orders

ROOT = Path(__file__).parents[2]
TABLES = {
    "documents": "name, status, sha256, pages, chunks, warnings, pages_staged, chunks_staged, first_chunk",
    "pages": "number, label, text, blocks",
    "chunks": "id, page, locator, section, start, stop, text",
    "vectors": "chunk, digest, vector",
    "postings": "block, term, entries",
    "lengths": "block, terms",
    "staged_pages": "number",
    "staged_chunks": "ordinal",
}


def start(folder: Path, **orders: Any) -> subprocess.Popen[str]:
    request = json.dumps(asdict(Orders(folder=str(folder), **orders)))
    command = [sys.executable, "-m", "tests.ingest.worker_process", request]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder: Path, *, says: str = "", **orders: Any) -> dict[str, Any]:
    """Runs to the end; what it prints is its report, and on standard error what it `says`."""
    process = start(folder, **orders)
    printed, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    assert re.fullmatch(says, complaints)
    report: dict[str, Any] = json.loads(printed)
    return report


def run_until_killed(folder: Path, **orders: Any) -> None:
    process = start(folder, **orders)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, complaints


def wait_until(folder: Path, condition: str) -> None:
    """Until a document in the base, seen from outside, is in that state."""
    for _ in range(6_000):
        with suppress(sqlite3.OperationalError):  # no base yet
            connection = sqlite3.connect(f"file:{folder / 'base' / 'base.sqlite'}?mode=ro", uri=True)
            with closing(connection):
                if connection.execute(f"SELECT 1 FROM documents WHERE {condition}").fetchone():
                    return
        time.sleep(0.005)
    raise AssertionError(f"it never came to {condition}")


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in a base that does not depend on the hour or on chance."""
    with closing(sqlite3.connect(folder / "base" / "base.sqlite")) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall())
            for table, columns in TABLES.items()
        }


def documents(folder: Path) -> list[Document]:
    base = KnowledgeBase.open(folder / "base", embedder=HashingEmbedder())
    try:
        return base.documents()
    finally:
        base.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A PDF of 40 pages, enough for several batches."""
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    said = "In year {} the region of town number {} sold more units to its customers than before."
    path.write_bytes(files.pdf([[said.format(page, n) for n in range(25)] for page in range(40)]))
    return str(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, report):
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, uploads=[report])
    (document,) = documents(folder)
    assert document.status is DocumentStatus.READY
    assert document.chunks > 64, "three batches"
    return contents(folder)


@pytest.mark.parametrize(
    "moments",
    [
        ("report 1 after", "stage_pages 1 before", "stage_vectors 2 before", "publish 1 before"),
        ("stage_pages 1 after", "stage_chunks 1 after", "stage_vectors 2 after", "publish 1 after"),
    ],
    ids=["before", "after"],
)
def test_a_job_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(
    tmp_path, report, undisturbed, moments
):
    folder = tmp_path / "killed"
    run_until_killed(folder, uploads=[report], kill=moments[0])
    for moment in moments[1:]:
        run_until_killed(folder, kill=moment)
    run(folder)
    assert [document.status for document in documents(folder)] == [DocumentStatus.READY]
    assert contents(folder) == undisturbed


def test_a_kill_from_outside_while_it_reads_or_embeds_changes_nothing_either(tmp_path, report, undisturbed):
    folder = tmp_path / "killed"
    for orders, moment in (
        ({"uploads": [report]}, "status = 'reading' AND pages_total > 0"),
        ({"delay": 0.5}, "status = 'embedding' AND chunks_embedded > 0"),
    ):
        process = start(folder, **orders)
        wait_until(folder, moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(folder)
    assert contents(folder) == undisturbed


def test_a_shutdown_takes_seconds_and_the_job_goes_on_at_the_next_start(tmp_path, report, undisturbed):
    folder = tmp_path / "stopped"
    first = run(folder, uploads=[report], delay=0.4, until="embedding")
    assert first["shutdown_s"] < 6
    (document,) = documents(folder)
    assert document.status is DocumentStatus.EMBEDDING
    second = run(folder)
    assert contents(folder) == undisturbed
    assert first["embedded"] + second["embedded"] == document_chunks(folder), "nothing was embedded twice"


def document_chunks(folder: Path) -> int:
    (document,) = documents(folder)
    return document.chunks


def test_submitting_twice_is_harmless(tmp_path, report, undisturbed):
    folder = tmp_path / "twice"
    done = run(folder, uploads=[report, report], submits=3)
    assert contents(folder) == undisturbed
    assert done["embedded"] == document_chunks(folder)


def test_the_same_content_is_tried_again_after_it_failed(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(b"not a PDF " * 9)
    folder = tmp_path / "data"
    for _ in range(2):
        run(folder, uploads=[str(path)])
        (document,) = documents(folder)
        assert document.status is DocumentStatus.FAILED
        assert "looks like a text file" in (document.error or "")
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as connection:
        names = [name for (name,) in connection.execute("SELECT workflow_uuid FROM workflow_status")]
    assert sorted(name.rsplit(":", 1)[1] for name in names) == ["1", "2"]


def test_a_file_that_stops_the_service_again_and_again_is_given_up(tmp_path):
    report = tmp_path / "poison.txt"
    report.write_text("Whoever reads this falls over.", encoding="utf-8")
    folder = tmp_path / "data"
    run_until_killed(folder, uploads=[str(report)], kill="stage_pages 1 before")
    for _ in range(4):
        run_until_killed(folder, kill="stage_pages 1 before")
    run(folder, kill="stage_pages 1 before", says="doc_.* given up after 5 starts\n")
    (document,) = documents(folder)
    assert document.status is DocumentStatus.FAILED
    assert re.match(r"Reading this file stopped the whole service 5 times", document.error or "")


def test_the_worker_starts_quickly_and_from_an_event_loop_and_keeps_no_pickle(tmp_path, report):
    folder = tmp_path / "data"
    done = run(folder, uploads=[report], loop=True)
    assert done["launch_s"] < 5
    assert done["shutdown_s"] < 5
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as connection:
        (row,) = connection.execute("SELECT * FROM workflow_input")
    (inputs,) = [json.loads(value) for value in row if str(value).startswith("{")]
    assert inputs["positionalArgs"][0] == "base"
