"""The MCP server, with the SDK's own client against a real service."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.journeys.server import ServerProcess, upload


@asynccontextmanager
async def connected(server: ServerProcess, key: str | None = None) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key or server.owner_key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
    ):
        yield client


def talk(server: ServerProcess, what: Callable[[Client], Awaitable[Any]], key: str | None = None) -> Any:
    async def run() -> Any:
        async with connected(server, key) as client:
            try:
                return await what(client)
            except MCPError as error:  # raised here it would come out of the client's task group as a part
                return error

    said = asyncio.run(run())
    if isinstance(said, MCPError):
        raise said
    return said


def test_each_assistant_is_a_tool_that_answers_with_citations(server: ServerProcess) -> None:
    async def what(client: Client) -> Any:
        names = [tool.name for tool in (await client.list_tools()).tools]
        question = {"question": "What is the core time for full-time employees?"}
        return names, await client.call_tool("ask_handbook", question)

    names, reply = talk(server, what)
    assert {"ask_handbook", "search_handbook", "ask_regulations"} <= set(names)
    assert not reply.is_error
    assert "employee-handbook.pdf, page 4" in reply.content[0].text
    cited = reply.structured_content["citations"][0]
    assert cited["url"].startswith(f"{server.url}/view/handbook/")
    assert reply.structured_content["retrieval"]["status"] == "used"


def test_knowledge_is_searched_and_read_page_by_page(server: ServerProcess) -> None:
    async def what(client: Client) -> Any:
        found = await client.call_tool("search_handbook", {"query": "core time", "k": 3})
        resources = (await client.list_resources()).resources
        page = await client.read_resource(found.structured_content["passages"][0]["uri"])
        handbook = next(each for each in resources if each.name == "employee-handbook.pdf")
        whole = await client.read_resource(handbook.uri)
        return found, page, whole

    found, page, whole = talk(server, what)
    passages = found.structured_content["passages"]
    assert 1 <= len(passages) <= 3
    assert passages[0]["text"].split()[-1] in page.contents[0].text
    assert page.contents[0].text in whole.contents[0].text


@pytest.mark.parametrize(
    "uri",
    [
        "doumi://handbook/documents/doc_000000000000000000000000",
        "doumi://nobody/documents/doc_000000000000000000000000",
        "file:///etc/passwd",
    ],
)
def test_what_is_not_there_cannot_be_read(server: ServerProcess, uri: str) -> None:
    with pytest.raises(MCPError, match="no resource"):
        talk(server, lambda client: client.read_resource(uri))


def test_bad_arguments_are_told_to_the_model_and_unknown_tools_to_the_client(server: ServerProcess) -> None:
    reply = talk(server, lambda client: client.call_tool("ask_handbook", {"question": ""}))
    assert reply.is_error
    with pytest.raises(MCPError, match="no tool"):
        talk(server, lambda client: client.call_tool("ask_nobody", {"question": "?"}))


def test_without_a_key_there_is_no_mcp_server(server: ServerProcess) -> None:
    reply = httpx2.post(f"{server.url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_viewer_reads_no_files_of_an_assistant_that_does_not_cite(server: ServerProcess) -> None:
    with server.client() as client:
        body = {"slug": "discreet", "name": "Discreet", "instruction": "Be brief.", "citations": False}
        assert client.post("/api/assistants", json=body).status_code == 201
        document = upload(client, "discreet", "plans.md", b"# Plans\n\nThe gate opens at 05:40.\n")
    made = subprocess.run(
        [sys.executable, "-m", "service.cli", "key", "create", "--role", "viewer"],
        env={"DOUMI_DATA": str(server.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    key = made.stdout.strip()
    uri = f"doumi://discreet/documents/{document['id']}"
    names = [tool.name for tool in talk(server, lambda client: client.list_tools(), key).tools]
    assert "ask_discreet" in names
    assert "search_discreet" not in names
    with pytest.raises(MCPError, match="no resource"):
        talk(server, lambda client: client.read_resource(uri), key)
    assert "05:40" in talk(server, lambda client: client.read_resource(uri)).contents[0].text
