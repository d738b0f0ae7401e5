"""Another embedder for a base that is in use; the service killed half way. With the real models."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, settled_at

BASE = "/api/knowledge-bases/rules"
QUESTION = {"query": "When does the ferry of Hiiumaa leave in winter?", "k": 3}


@pytest.fixture
def process(tmp_path: Path, models: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "data", models, DOUMI_EXAMPLES="false").start()
    yield server
    server.stop()


def text_of(number: int) -> str:
    lines = [
        f"Paragraph {at} of rule {number} tells harbour masters how to moor the boats of berth {at * number},"
        f" which ropes to use in a storm of force {at % 9}, and whom to call about it at night."
        for at in range(36)
    ]
    return "\n\n".join([f"# Rule {number}", *lines])


def rebuilding(client: httpx.Client) -> dict[str, Any] | None:
    shown: dict[str, Any] | None = client.get(BASE).json()["rebuilding"]
    return shown


def until_made(client: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while rebuilding(client) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def first(client: httpx.Client) -> dict[str, Any]:
    reply = client.post(f"{BASE}/search", json=QUESTION)
    assert reply.status_code == 200, reply.text
    passage: dict[str, Any] = (reply.json()["passages"] + reply.json()["below_floor"])[0]
    return passage


def vectors_of(server: ServerProcess) -> tuple[set[int], int]:
    """Sizes of the served vectors, and how many of the new ones are there."""
    [path] = [
        path for path in (server.data / "teams").rglob("base.sqlite") if path.parent.name.startswith("kb_")
    ]
    with sqlite3.connect(path) as connection:
        sizes = {size for (size,) in connection.execute("SELECT DISTINCT length(vector) FROM vectors")}
        (new,) = connection.execute("SELECT count(vector) FROM next_chunks").fetchone()
        return sizes, new


def test_a_rebuild_that_is_killed_goes_on_and_the_old_index_serves_until_it_is_done(
    process: ServerProcess,
) -> None:
    with process.client() as client:
        made = client.post(
            "/api/knowledge-bases", json={"slug": "rules", "settings": {"embedder": "hashing", "top_k": 4}}
        )
        assert made.status_code == 201, made.text
        assert made.json()["serving"]["embedder"] == "hashing"
        texts = {f"rule {number}.md": text_of(number) for number in range(7)}
        texts["ferry.md"] = "# Ferry\n\nThe ferry of Hiiumaa leaves at 07:25 in winter.\n"
        documents = [
            client.post(f"{BASE}/documents", files={"file": (name, text.encode())}).json()
            for name, text in texts.items()
        ]
        for document in documents:
            assert settled_at(client, f"{BASE}/documents/{document['id']}")["status"] == "ready"
        assert "07:25" in first(client)["text"]
        refused = client.patch(BASE, json={"name": "New", "settings": {"embedder": "/nowhere/at/all"}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_settings")
        assert client.get(BASE).json() == made.json() | {"documents": 8}

        changed = client.patch(BASE, json={"settings": {"embedder": None}})
        assert changed.json()["status"] == "rebuilding", changed.text
        assert changed.json()["settings"]["top_k"] == 4
        while True:
            now = rebuilding(client)
            assert now is not None, "made before it could be killed: give it more to do"
            if now["done"] >= 2:
                break
            time.sleep(0.01)
        assert "07:25" in first(client)["text"]
        process.kill()

    sizes, new = vectors_of(process)
    assert sizes == {512}  # all of the old embedder
    assert new > 0
    process.start()
    with process.client() as client:
        assert "07:25" in first(client)["text"]
        until_made(client)
        after = client.get(BASE).json()
        assert (after["status"], after["serving"]["embedder"]) == ("ready", "all-MiniLM-L6-v2")
        assert vectors_of(process) == ({768}, 0)
        passage = first(client)
        assert "07:25" in passage["text"]
        assert passage["scores"]["dense"] > 0.3


def test_an_unreachable_setting_of_a_new_base_leaves_no_base(server: ServerProcess) -> None:
    with server.client() as client:
        body = {"slug": "never", "settings": {"embedder": "/nowhere/at/all"}}
        refused = client.post("/api/knowledge-bases", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_settings")
        assert client.get("/api/knowledge-bases/never").status_code == 404
