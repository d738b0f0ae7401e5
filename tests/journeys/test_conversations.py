"""A member's conversations: found, renamed, exported, and what is never stored."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, ask

QUESTION = "How many days of annual leave do I have in the fourth year?"


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def kept(client: httpx.Client) -> Iterator[dict[str, Any]]:
    answer = ask(client, "handbook", QUESTION, conversation="new")
    yield answer
    client.delete(f"/api/conversations/{answer['conversation']}")


def test_a_conversation_is_found_by_words_and_renamed_on_both_wires(
    client: httpx.Client, kept: dict[str, Any]
) -> None:
    address = f"/api/conversations/{kept['conversation']}"
    found = client.get("/api/conversations", params={"q": "FOURTH annual"}).json()["data"]
    assert kept["conversation"] in [each["id"] for each in found]
    assert client.get("/api/conversations", params={"q": "annual giraffe"}).json()["data"] == []
    assert client.patch(address, json={"title": "  휴가\n2026 "}).json()["title"] == "휴가 2026"
    found = client.get("/api/conversations", params={"q": "휴가"}).json()["data"]
    assert [each["id"] for each in found] == [kept["conversation"]]
    assert client.get(f"/v1/conversations/{kept['conversation']}").status_code == 200
    for title in ("", "   ", "x" * 201):
        assert client.patch(address, json={"title": title}).status_code == 422
    gone = client.patch("/api/conversations/conv_none", json={"title": "x"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "conversation_not_found")


def test_an_export_holds_questions_answers_and_places_that_are_cited(
    server: ServerProcess, client: httpx.Client, kept: dict[str, Any]
) -> None:
    address = f"/api/conversations/{kept['conversation']}"
    whole = client.get(f"{address}/export")
    assert whole.json() == client.get(address).json()
    assert whole.headers["content-disposition"] == f'attachment; filename="{kept["conversation"]}.json"'
    text = client.get(f"{address}/export", params={"format": "markdown"}).text
    cited = kept["citations"][0]
    assert f"> {QUESTION}" in text
    assert kept["choices"][0]["message"]["content"] in text
    assert f"- [1] [{cited['document']['name']}, {cited['locator']}]({server.url}{cited['url']})" in text
    assert " ".join(cited["quote"].split()) in text


def test_of_an_ephemeral_turn_nothing_is_stored(server: ServerProcess, client: httpx.Client) -> None:
    question = "How many days of annual leave has a zyzzyva?"
    answer = ask(client, "handbook", question, conversation="new", ephemeral=True)
    assert not answer.get("conversation")
    kept = ask(client, "handbook", QUESTION, conversation="new")["conversation"]
    ask(client, "handbook", question, conversation=kept, ephemeral=True)
    assert len(client.get(f"/api/conversations/{kept}").json()["turns"]) == 1
    with sqlite3.connect(server.data / "records.sqlite", timeout=30) as records:
        tables = [name for (name,) in records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        stored = "".join(str(list(records.execute(f"SELECT * FROM {name}"))) for name in tables)
    records.close()
    assert QUESTION in stored
    assert "zyzzyva" not in stored


def test_an_owner_says_how_long_conversations_are_kept(client: httpx.Client) -> None:
    name = client.get("/api/team").json()["name"]
    assert client.put("/api/team", json={"retention_days": 90}).json()["retention_days"] == 90
    assert client.put("/api/team", json={"name": name}).json()["retention_days"] == 90
    assert client.put("/api/team", json={"retention_days": None}).json()["retention_days"] is None
    assert client.put("/api/team", json={"retention_days": 0}).status_code == 422
