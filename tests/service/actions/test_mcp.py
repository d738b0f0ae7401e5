"""The MCP client against real servers of the SDK, each a process of its own."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service.actions import mcp
from service.actions.commands import commands_of
from service.actions.egress import Egress, Signature
from service.actions.mcp import Address, McpClient, Offer, Reply
from service.tools import ToolCallFailed

MODULE = "tests.service.actions.mcp_process"
TOKEN = "token-of-the-notes-7f3a"
STDIO = Address(command=(sys.executable, "-m", MODULE))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(*arguments: str) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", MODULE, str(port), *arguments])
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    yield from served(TOKEN)


def address(port: int, token: str = TOKEN) -> Address:
    origin = f"http://127.0.0.1:{port}"
    signature = Signature(
        origins=frozenset({origin}), headers={"Authorization": f"Bearer {token}"}, also_hidden=(token,)
    )
    return Address(url=f"{origin}/mcp", signature=signature)


def client(*ports: int) -> McpClient:
    return McpClient(Egress(allow=[f"127.0.0.1:{port}" for port in ports]))


def listed(client: McpClient, address: Address) -> dict[str, Offer]:
    offers, refused = asyncio.run(client.tools(address))
    assert refused == []
    return {each.name: each for each in offers}


def call(client: McpClient, address: Address, name: str, **arguments: Any) -> Reply:
    return asyncio.run(client.call(address, name, arguments))


def test_tools_are_listed_and_called_over_http(port: int) -> None:
    here = client(port)
    tools = listed(here, address(port))
    assert tools["read_note"].read_only
    assert not tools["add_note"].read_only
    assert tools["read_note"].parameters["required"] == ["id"]
    assert call(here, address(port), "read_note", id="2").text == "두 번째 쪽지"


def test_tools_are_listed_and_called_over_stdio() -> None:
    assert "read_note" in listed(client(), STDIO)
    assert call(client(), STDIO, "read_note", id="1").text == "The gates open at 05:40."


def test_a_process_sees_nothing_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMI_MODEL_API_KEY", "sk-secret")
    seen = call(client(), STDIO, "environment").text.split()
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith("DOUMI")]
    assert "DOUMI_MODEL_API_KEY" in os.environ


def test_what_a_tool_says_of_its_failure_is_told(port: int) -> None:
    reply = call(client(port), address(port), "fails")
    assert not reply.ok
    assert "cupboard is locked" in reply.text


def test_a_long_answer_is_cut_and_a_huge_one_refused(port: int) -> None:
    reply = call(client(port), address(port), "long")
    assert "cut after 100,000 characters" in reply.text
    with pytest.raises(ToolCallFailed, match="more than 4,000,000 bytes"):
        call(client(port), address(port), "huge")


def test_a_server_that_is_down_slow_dead_or_something_else_is_told_in_words(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = free_port()
    with pytest.raises(ToolCallFailed, match="could not be reached"):
        listed(client(nobody), Address(url=f"http://127.0.0.1:{nobody}/mcp"))
    with pytest.raises(ToolCallFailed, match="cannot be used"):
        listed(client(port), address(port, "wrong-token-000"))
    with pytest.raises(ToolCallFailed, match="not installed"):
        listed(client(), Address(command=("no-such-command-here",)))
    with pytest.raises(ToolCallFailed, match="cannot be used"):
        listed(client(), Address(command=(sys.executable, "-c", "print('hello')")))
    with pytest.raises(ToolCallFailed, match="cannot be used"):
        call(client(), STDIO, "dies")
    monkeypatch.setattr(mcp, "CALL_WITHIN_S", 3.0)
    with pytest.raises(ToolCallFailed, match="did not answer within 3 seconds"):
        call(client(port), address(port), "sleeps")


def test_credentials_are_in_no_message(port: int) -> None:
    with pytest.raises(ToolCallFailed) as failed:
        listed(client(port), address(port, "wrong-token-000"))
    assert "wrong-token-000" not in str(failed.value)


def test_credentials_go_to_the_origin_of_their_server_alone(port: int) -> None:
    elsewhere = Address(
        url=f"http://127.0.0.1:{port}/mcp",
        signature=Signature(
            origins=frozenset({"https://other.example"}), headers={"Authorization": f"Bearer {TOKEN}"}
        ),
    )
    with pytest.raises(ToolCallFailed, match="cannot be used"):
        listed(client(port), elsewhere)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/mcp", "http://2130706433:{port}/mcp", "http://localhost:{port}/mcp"]
)
def test_an_address_inside_is_refused_unless_the_operator_opened_it(port: int, url: str) -> None:
    with pytest.raises(ToolCallFailed, match="was not sent"):
        listed(client(), Address(url=url.format(port=port)))


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (
            {"type": "object", "properties": {"a": {"$ref": "https://evil.example/s.json"}}},
            "another document",
        ),
        ({"type": "array"}, "no object"),
        ({"type": "object", "description": "x" * 30_000}, "20,000 characters"),
    ],
)
def test_a_tool_with_unusable_parameters_is_left_out_with_the_reason(
    schema: dict[str, Any], says: str
) -> None:
    from mcp_types import Tool

    offers, (why,) = mcp._offers([Tool(name="odd", input_schema=schema)])
    assert offers == []
    assert says in why


def test_commands_are_named_by_the_operator() -> None:
    assert commands_of("files=mcp-files --root '/srv/a b'; clock=mcp-clock;") == {
        "files": ("mcp-files", "--root", "/srv/a b"),
        "clock": ("mcp-clock",),
    }
    for wrong in ("mcp-files", "files=", "FILES!=x"):
        with pytest.raises(ValueError, match="name=command"):
            commands_of(wrong)
