"""Instructions and knowledge that an operator keeps in git."""

import time
from pathlib import Path

import httpx

from tests.journeys.server import ServerProcess, ask


def test_folders_of_ones_own_are_applied_at_every_start(tmp_path: Path, models: Path) -> None:
    own = tmp_path / "assistants"
    knowledge = own / "gates" / "knowledge"
    knowledge.mkdir(parents=True)
    (own / "README.md").write_text("Not an assistant.")
    (own / "gates" / "assistant.md").write_text("---\nname: Gates\nanswer_from: knowledge\n---\n")
    (knowledge / "hours.md").write_text("The Tallinn gates open at 05:40 on weekdays.\n")
    process = ServerProcess(tmp_path / "data", models, INSTRUCTIONS_DIR=str(own))
    try:
        process.start()
        with process.client() as client:
            assert [each["slug"] for each in client.get("/api/assistants").json()["data"]] == ["gates"]
            wait_for_answer(client, "05:40")
        process.stop()
        (knowledge / "hours.md").write_text("The Tallinn gates open at 06:15 on weekdays.\n")
        process.start()
        with process.client() as client:
            wait_for_answer(client, "06:15")
            assert client.get("/api/assistants/gates").json()["version"] == 1
    finally:
        process.stop()


def wait_for_answer(client: httpx.Client, expected: str) -> None:
    """The folder is read behind the start."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = ask(client, "gates", "When do the Tallinn gates open on weekdays?")
        if expected in answer["choices"][0]["message"]["content"]:
            return
        time.sleep(0.2)
    raise AssertionError(answer)
