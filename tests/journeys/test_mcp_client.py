"""An assistant with the tools of a real MCP server: listed, chosen, called, confirmed, refused, deleted."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, ask
from tests.journeys.upstream import Upstream
from tests.service.actions.test_mcp import MODULE, TOKEN, served

_SERVERS = "/api/assistants/notes/mcp-servers"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    yield from served(TOKEN)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, models: Any, port: int) -> Iterator[httpx.Client]:
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("mcp") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:acts",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_EGRESS_ALLOW=f"127.0.0.1:{port}",
            DOUMI_MCP_COMMANDS=f"notes={sys.executable} -m {MODULE}",
        ).start()
        with process.client() as client:
            body = {"slug": "notes", "instruction": "Keep the notes.", "answer_from": "anything"}
            assert client.post("/api/assistants", json=body).status_code == 201
            server = {
                "name": "far",
                "url": f"http://127.0.0.1:{port}/mcp",
                "auth": {"type": "bearer", "token": TOKEN},
                "tools": {"read_note": {"consequential": False}, "dies": {"enabled": False}},
            }
            made = client.post(_SERVERS, json=server)
            assert made.status_code == 201, made.text
            assert TOKEN not in made.text
            yield client
        process.stop()


def say(client: httpx.Client, name: str, **arguments: Any) -> dict[str, Any]:
    return ask(client, "notes", f"Please call {name} {json.dumps(arguments)}", trace=True)


def test_a_tool_that_an_editor_made_free_is_called(client: httpx.Client) -> None:
    reply = say(client, "far__read_note", id="1")
    assert "The gates open at 05:40." in reply["choices"][0]["message"]["content"]
    (action,) = reply["actions"]
    assert (action["name"], action["status"]) == ("far__read_note", "done")
    assert action["call"]["method"] == "MCP"
    assert TOKEN not in json.dumps(reply)


def test_any_other_waits_for_a_confirmation_even_when_the_server_says_that_it_only_reads(
    client: httpx.Client,
) -> None:
    waiting = say(client, "far__search", query="gates")
    assert waiting["confirmation"]["path"] == "search"
    rest = client.post(waiting["confirmation"]["url"], json={"decision": "once"}).json()
    assert "05:40" in rest["choices"][0]["message"]["content"]
    adding = say(client, "far__add_note", text="Third note")
    assert adding["confirmation"]["arguments"] == {"text": "Third note"}
    refused = client.post(adding["confirmation"]["url"], json={"decision": "refuse"}).json()
    assert refused["actions"][-1]["status"] == "refused"


def test_a_tool_that_was_switched_off_is_not_there(client: httpx.Client) -> None:
    assert "no tool named far__dies" in say(client, "far__dies")["choices"][0]["message"]["content"]


def test_wrong_arguments_are_told_before_anything_is_sent(client: httpx.Client) -> None:
    reply = say(client, "far__read_note", number=1)
    assert "'id' is a required property" in reply["choices"][0]["message"]["content"]


def test_an_editor_tries_a_tool_changes_the_choice_and_asks_again(client: httpx.Client) -> None:
    tried = client.post(f"{_SERVERS}/far/tools/read_note/run", json={"arguments": {"id": "2"}}).json()
    assert (tried["ok"], tried["text"]) == (True, "두 번째 쪽지")
    changed = client.put(f"{_SERVERS}/far", json={"trust_hints": True, "refresh": True}).json()
    tools = {tool["name"]: tool for tool in changed["tools"]}
    assert tools["search"]["consequential"] is False
    assert tools["add_note"]["consequential"] is True
    assert tools["dies"]["enabled"] is False
    client.put(f"{_SERVERS}/far", json={"trust_hints": False})
    unknown = client.put(f"{_SERVERS}/far", json={"tools": {"nope": {"enabled": False}}})
    assert unknown.status_code == 404


def test_a_command_that_the_operator_names_is_started_and_no_other(client: httpx.Client) -> None:
    made = client.post(_SERVERS, json={"name": "near", "command": "notes"})
    assert made.status_code == 201, made.text
    tried = client.post(f"{_SERVERS}/near/tools/environment/run", json={"arguments": {}}).json()
    assert "PATH" in tried["text"]
    assert "DOUMI" not in tried["text"]
    assert client.delete(f"{_SERVERS}/near").status_code == 204
    refused = client.post(_SERVERS, json={"name": "shell", "command": "/bin/sh"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "command_not_allowed")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "far", "url": "http://127.0.0.1:1/mcp"}, 502),
        ({"name": "x", "url": "http://169.254.169.254/mcp"}, 502),
        ({"name": "x", "url": "file:///etc/passwd"}, 400),
        ({"name": "x"}, 400),
        ({"name": "x", "command": "notes", "auth": {"type": "bearer", "token": "t"}}, 400),
        ({"name": "x", "url": "http://a.example/mcp", "auth": {"type": "bearer", "token": "t"}}, 400),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_and_not_kept(
    client: httpx.Client, body: dict[str, Any], status: int
) -> None:
    reply = client.post(_SERVERS, json=body)
    assert reply.status_code == status, reply.text
    assert [each["name"] for each in client.get(_SERVERS).json()["data"]] == ["far"]


def test_viewers_and_other_assistants_see_nothing_of_it(client: httpx.Client) -> None:
    key = client.post("/api/keys", json={"name": "reader", "role": "viewer"}).json()["secret"]
    with httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {key}"}) as viewer:
        (seen,) = viewer.get(_SERVERS).json()["data"]
        assert (seen["tools"], seen["url"], seen["auth"]) == ([], None, {"type": "bearer"})
        assert viewer.get(f"{_SERVERS}/far").status_code == 403
    body = {"slug": "other", "instruction": "x"}
    assert client.post("/api/assistants", json=body).status_code == 201
    assert client.get("/api/assistants/other/mcp-servers/far").status_code == 404
