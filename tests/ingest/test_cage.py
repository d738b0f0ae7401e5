"""The cage around the readers: what it lets out, what it ends, what it leaves behind."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ingest import wire
from ingest.cage import read_pages
from ingest.limits import ReadLimits
from ingest.unreadable import KINDS, DamagedFile
from knowledge.documents import Block, BlockKind, Page
from tests.ingest import files

PARSERS = {
    "pypdf",
    "pypdfium2",
    "openpyxl",
    "lxml",
    "selectolax",
    "hwp_hwpx_parser",
    "olefile",
    "docx",
    "pptx",
    "PIL",
    "pytesseract",
}
SLOW = b"a,b,c,d\n" * 2_000_000  # seconds of work


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A temp folder of the test's own, so that it can be seen what is left in it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def children(pid: int) -> set[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return {int(line) for line in found.split()}


def upload(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(content)
    return path


def test_the_serving_process_loads_no_parser():
    code = "import sys, ingest.cage, ingest.pipeline; print(*{name.split('.')[0] for name in sys.modules})"
    root = Path(__file__).parents[2]
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert not PARSERS & set(loaded.split())


def test_pages_arrive_while_the_file_is_read(tmp_path):
    seen = []
    result = read_pages(
        upload(tmp_path, files.pdf([["one"], ["two"], ["three"]])),
        name="a.pdf",
        on_progress=lambda read, total: seen.append((read, total)),
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [page.number for page in result.pages] == [1, 2, 3]


def test_nothing_is_left_behind_by_a_file_that_was_read_or_refused(tmp_path, scratch):
    before = children(os.getpid())
    read_pages(upload(tmp_path, b"text"), name="a.txt")
    with pytest.raises(DamagedFile):
        read_pages(upload(tmp_path, b"\x01\x02" * 99), name="a.txt")
    assert list(scratch.iterdir()) == []
    assert children(os.getpid()) == before


def test_what_the_listener_raises_ends_the_child_at_once(tmp_path, scratch):
    def stop(read: int, total: int | None) -> None:
        raise KeyboardInterrupt

    before = children(os.getpid())
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_pages(upload(tmp_path, SLOW), name="a.csv", on_progress=stop)
    assert time.monotonic() - begin < 5
    assert children(os.getpid()) == before
    assert list(scratch.iterdir()) == []


def test_a_small_file_costs_little(tmp_path):
    path = upload(tmp_path, b"text")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        read_pages(path, name="a.txt")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / 5 < 0.3


def test_the_child_knows_nothing_of_the_environment_and_ends_when_the_server_is_killed(tmp_path, scratch):
    path = upload(tmp_path, SLOW)
    code = f"from ingest.cage import read_pages; from pathlib import Path; read_pages(Path({str(path)!r}), name='a.csv')"
    root = Path(__file__).parents[2]
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "DOUMI_SECRET": "x", "TMPDIR": str(scratch)},
    )
    try:
        child = _wait_for(lambda: next(iter(children(server.pid)), None))
        _wait_for(lambda: b"-I" in Path(f"/proc/{child}/cmdline").read_bytes())
        names = {
            entry.split(b"=")[0]
            for entry in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            if entry
        }
        assert names == {b"TMPDIR", b"HOME"}
        assert os.getsid(child) == child, "its own session"
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    _wait_for(lambda: not _alive(child))
    assert list(scratch.iterdir()) == []


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _wait_for(condition):  # type: ignore[no-untyped-def]
    for _ in range(500):
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen within 10 s")


PAGE = Page(
    number=1,
    label="page 1",
    text="Title\n\nText “한글”\u2028",
    blocks=(
        Block(kind=BlockKind.HEADING, start=0, end=5, level=1),
        Block(kind=BlockKind.PARAGRAPH, start=7, end=16),
    ),
)


def test_a_page_crosses_the_wall_unchanged():
    line = wire.encode(wire.page_event(PAGE))
    assert line.count(b"\n") == 1
    assert wire.page_from(wire.decode(line), number=1) == PAGE


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_kind_of_error_crosses_the_wall(kind):
    error = wire.error_from(wire.decode(wire.encode(wire.error_event(kind("No: do this.")))))
    assert type(error) is kind
    assert str(error) == "No: do this."


def test_an_error_from_the_child_is_made_fit_to_be_shown():
    error = wire.error_from({"error": "Nonsense", "message": "a\nb\x1b[31m " + "c" * 9999})
    assert type(error) is DamagedFile
    assert str(error).startswith("a b [31m c")
    assert len(str(error)) <= 400


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[1]",
        b'{"page": 2, "label": "", "text": "x", "blocks": []}',
        b'{"page": 1, "label": "", "text": 5, "blocks": []}',
        b'{"page": 1, "label": "", "text": "x", "blocks": [["paragraph", 0, 9, 0]]}',
        b'{"page": 1, "label": "", "text": "xy", "blocks": [["paragraph", 1, 2, 0], ["paragraph", 0, 1, 0]]}',
        b'{"page": 1, "label": "", "text": "x", "blocks": [["script", 0, 1, 0]]}',
    ],
)
def test_the_server_believes_no_line_that_an_honest_child_would_not_write(line):
    with pytest.raises(wire.Garbled):
        wire.page_from(wire.decode(line), number=1)


def test_limits_reach_the_child(tmp_path):
    with pytest.raises(DamagedFile, match="damaged"):
        read_pages(upload(tmp_path, files.pdf([["x"]])), name="a.pdf", limits=ReadLimits(open_files=3))
