"""The command line, as a person would use it next to a running service."""

import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess


def doumi(
    *arguments: str, server: ServerProcess | None = None, data: Path | None = None, said: str = ""
) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    if server is not None:
        environment |= {"DOUMI_DATA": str(server.data), "DOUMI_PORT": str(server.port)}
    if data is not None:
        environment["DOUMI_DATA"] = str(data)
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        env=environment,
        input=said,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=data or (server.data if server else None),
    )


def test_a_folder_is_ingested_and_what_cannot_be_read_is_named(server: ServerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "one.pdf").write_bytes(pdf_of(["The Narva depot closes at 18:10."]))
    (folder / "sub" / "둘.md").write_text("# 둘\n\n탈린 창고는 5시 40분에 엽니다.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    (folder / ".hidden").write_text("not this one")
    with server.client() as client:
        client.post("/api/assistants", json={"slug": "cli", "name": "CLI"})
        ran = doumi("ingest", str(folder), "--assistant", "cli", server=server)
        assert ran.returncode == 1
        assert "2 of 3 files are ready." in ran.stderr
        assert "broken.pdf" in ran.stderr
        names = {each["name"] for each in client.get("/api/assistants/cli/documents").json()["data"]}
        assert names == {"one.pdf", "둘.md", "broken.pdf"}


def test_a_conversation_in_the_terminal_streams_cites_and_follows_up(server: ServerProcess) -> None:
    said = "How many days of annual leave do I have after five completed years of service?\nAnd for part-timers?\n"
    ran = doumi("chat", "handbook", server=server, said=said)
    assert ran.returncode == 0, ran.stderr
    assert "25 days" in ran.stdout
    assert "120 hours" in ran.stdout
    assert "[1] employee-handbook.pdf, page 5" in ran.stdout


def test_an_unknown_assistant_and_a_service_that_is_down_are_said_in_one_line(
    server: ServerProcess, tmp_path: Path
) -> None:
    unknown = doumi("chat", "nobody", server=server)
    assert unknown.returncode == 1
    assert "nobody" in unknown.stderr
    down = doumi("chat", "handbook", "--key", "sk-doumi-x", "--url", "http://127.0.0.1:9", data=tmp_path)
    assert down.returncode == 1
    assert "doumi serve" in down.stderr
    assert "Traceback" not in unknown.stderr + down.stderr


def test_the_doctor_finds_a_healthy_installation_healthy(server: ServerProcess) -> None:
    ran = doumi("doctor", server=server)
    assert ran.returncode == 0, ran.stdout
    for what in ("data folder", "disk", "database", "indexes", "embedder", "model", "service"):
        assert what in ran.stdout
    assert "Everything is fine." in ran.stdout


def test_the_doctor_names_a_damaged_index_and_a_readable_key(tmp_path: Path, models: Path) -> None:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    base = tmp_path / "teams" / "team_x" / "kb_y"
    base.mkdir(parents=True)
    (base / "base.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    (tmp_path / "owner.key").write_text("sk-doumi-x")
    (tmp_path / "owner.key").chmod(0o644)
    ran = doumi("doctor", data=tmp_path)
    assert ran.returncode == 1
    assert "kb_y/base.sqlite is damaged" in ran.stdout
    assert "chmod 600" in ran.stdout


def test_a_misspelt_setting_stops_the_start_with_a_hint(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve"],
        env={"PATH": os.environ["PATH"], "DOUMI_PROT": "1", "DOUMI_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "did you mean DOUMI_PORT" in ran.stderr
