"""A folder kept in step with a knowledge base, from the command line, against a running service."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.server import ServerProcess
from tests.journeys.test_command_line import doumi

LINES = [
    f"Article {n} of the harbour rules says that berth {n} is for boats of {n} metres." for n in range(40)
]


def rules(*, last: str = "") -> str:
    return "# Rules\n\n" + "\n\n".join([*LINES, last])


def documents(client: httpx.Client, base: str) -> dict[str, dict[str, Any]]:
    found = client.get(f"/api/knowledge-bases/{base}/documents").json()["data"]
    return {document["name"]: document for document in found}


def test_a_folder_is_kept_in_step_and_a_second_run_changes_nothing(
    server: ServerProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    (folder / "부록").mkdir(parents=True)
    (folder / "rules.md").write_text(rules())
    (folder / "old.md").write_text("# Old\n\nThis rule is not in force any more.\n")
    (folder / "부록" / "요금.md").write_text("# 요금\n\n정박 요금은 하루 12유로입니다.\n")

    def sync() -> str:
        ran = doumi("ingest", str(folder), "--base", "kept", "--sync", server=server)
        assert "Traceback" not in ran.stderr
        return ran.stderr.strip().splitlines()[-1]

    with server.client() as client:
        client.post("/api/knowledge-bases", json={"slug": "kept"})
        by_hand = {"file": ("by hand.md", b"# By hand\n\nSomebody uploaded this on the page.\n")}
        client.post("/api/knowledge-bases/kept/documents", files=by_hand)
        assert sync().startswith("3 added, 0 updated, 0 removed, 0 unchanged, 0 failed")
        first = documents(client, "kept")
        assert set(first) == {"rules.md", "old.md", "부록 - 요금.md", "by hand.md"}
        assert first["부록 - 요금.md"]["attributes"] == {"folder": "rules", "path": "부록/요금.md"}

        assert sync() == (
            "0 added, 0 updated, 0 removed, 3 unchanged, 0 failed; 0 passages embedded, 0 reused."
        )
        assert documents(client, "kept") == first

        (folder / "rules.md").write_text(rules(last="Article 40 is new and tells about kayaks."))
        (folder / "old.md").unlink()
        (folder / "new.md").write_text("# New\n\nThis rule is in force from today on.\n")
        said = sync()
        assert said.startswith("1 added, 1 updated, 1 removed, 1 unchanged, 0 failed")
        after = documents(client, "kept")
        assert set(after) == {"rules.md", "new.md", "부록 - 요금.md", "by hand.md"}
        assert after["rules.md"]["id"] == first["rules.md"]["id"]
        progress = after["rules.md"]["progress"]
        assert 0 < progress["chunks_total"] - progress["chunks_reused"] < progress["chunks_reused"]

        for path in list(folder.rglob("*.md")):
            path.unlink()
        ran = doumi("ingest", str(folder), "--base", "kept", "--sync", server=server)
        assert ran.returncode == 1
        assert "nothing was removed" in ran.stderr
        assert len(documents(client, "kept")) == 4


def test_a_watched_folder_is_followed_until_ctrl_c(server: ServerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "one.md").write_text("# One\n\nThe first rule.\n")
    with server.client() as client:
        client.post("/api/assistants", json={"slug": "watcher", "name": "Watcher"})
        base = client.get("/api/knowledge-bases", params={"assistant": "watcher"}).json()["data"][0]["slug"]
        following = ["ingest", str(folder), "--assistant", "watcher", "--watch", "--every", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *following],
            env={
                "PATH": os.environ["PATH"],
                "DOUMI_DATA": str(server.data),
                "DOUMI_PORT": str(server.port),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: set(documents(client, base)) == {"one.md"})
            (folder / "two.md").write_text("# Two\n\nThe second rule.\n")
            until(lambda: set(documents(client, base)) == {"one.md", "two.md"})
            (folder / "one.md").unlink()
            until(lambda: set(documents(client, base)) == {"two.md"})
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
            assert process.stderr is not None
            process.stderr.close()
            process.wait()


def test_what_cannot_be_synced_is_said_in_one_line(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    neither = doumi("ingest", str(tmp_path), server=server)
    assert (neither.returncode, "--base" in neither.stderr) == (2, True)
    file = doumi("ingest", str(tmp_path / "a.md"), "--base", "x", "--sync", server=server)
    assert (file.returncode, "takes a folder" in file.stderr) == (2, True)
    unknown = doumi("ingest", str(tmp_path), "--base", "nowhere", "--sync", server=server)
    assert unknown.returncode == 1
    assert "nowhere" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def until(holds: Any) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
