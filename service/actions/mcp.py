"""Talking to MCP servers: over HTTP through the one door, or to a process that the operator allowed.

The only file that knows the client of the `mcp` SDK. A conversation with a server lasts for one listing or
one call; nothing that a server asks of its client (sampling, elicitation, roots) is answered.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from service.actions.egress import (
    Egress,
    EgressFailed,
    EgressRefused,
    Signature,
    hidden_text,
    origin_of,
)
from service.tools import ToolCallFailed

LIST_WITHIN_S = 20.0
CALL_WITHIN_S = 45.0
_MOST_BYTES = 4_000_000  # of the answers of one conversation
_MOST_TOOLS = 200
_PAGES = 20
LONGEST = 100_000  # characters of a result
_LONGEST_DESCRIPTION = 2_000
_LONGEST_SCHEMA = 20_000  # characters of it as JSON
_NOT_PASSED = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")


class McpServerFailed(ToolCallFailed):
    """The MCP server is down, slow, or does not speak as it should; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is: at a URL, or behind a command of the operator's."""

    url: str | None = None
    command: Sequence[str] = ()
    signature: Signature | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that gives the credentials away."""
        return self.signature.secrets if self.signature else ()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A tool as a server describes it. All of it is untrusted."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    read_only: bool  # as the server says


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a call brought back."""

    text: str
    ok: bool
    size: int


class McpClient:
    """Lists the tools of servers and calls them."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def tools(self, address: Address) -> tuple[list[Offer], list[str]]:
        """The tools of a server, and a sentence for each that cannot be used. Raises ToolCallFailed."""
        found: list[types.Tool] = []
        async with self._spoken(address, LIST_WITHIN_S) as client:
            cursor = None
            for _ in range(_PAGES):
                page = await client.list_tools(cursor=cursor)
                found += page.tools
                cursor = page.next_cursor
                if cursor is None or len(found) > _MOST_TOOLS:
                    break
        return _offers(found)

    async def call(self, address: Address, name: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool. Raises ToolCallFailed."""
        async with self._spoken(address, CALL_WITHIN_S) as client:
            result = await client.call_tool(name, dict(arguments))
        text = hidden_text(_text(result), address.secrets)
        size = len(text.encode("utf-8", "replace"))
        if len(text) > LONGEST:
            text = text[:LONGEST] + f"\n[The answer is longer; it was cut after {LONGEST:,} characters.]"
        return Reply(text=text, ok=not result.is_error, size=size)

    @asynccontextmanager
    async def _spoken(self, address: Address, within_s: float) -> AsyncIterator[Client]:
        """A conversation; whatever goes wrong in it is told in one sentence."""
        door = _Bridge(self._egress.transport(), address.signature)
        place = address.url or (address.command[0] if address.command else "nothing")
        try:
            with anyio.fail_after(within_s):
                async with self._transport(address, door) as transport, Client(transport) as client:
                    yield client
        except TimeoutError:
            raise McpServerFailed(
                f"The MCP server at {place} did not answer within {within_s:g} seconds."
            ) from None
        except Exception as error:
            if door.refused is not None:
                raise door.refused from None
            why = hidden_text(_why(error), address.secrets)
            raise McpServerFailed(f"The MCP server at {place} cannot be used: {why}") from None

    @asynccontextmanager
    async def _transport(self, address: Address, door: "_Bridge") -> AsyncIterator[Any]:
        if address.url is not None:
            async with httpx2.AsyncClient(
                transport=door, trust_env=False, timeout=httpx2.Timeout(CALL_WITHIN_S)
            ) as http:
                yield streamable_http_client(address.url, http_client=http)
            return
        first, *rest = address.command
        with open(os.devnull, "w") as nowhere:
            yield stdio_client(StdioServerParameters(command=first, args=rest), errlog=nowhere)


class _Bridge(httpx2.AsyncBaseTransport):
    """The SDK's HTTP client over the door: judged where it connects, signed for its own origin, bounded."""

    def __init__(self, door: httpx.AsyncBaseTransport, signature: Signature | None) -> None:
        self._door = door
        self._signature = signature
        self._left = _MOST_BYTES
        self.refused: ToolCallFailed | None = None  # why the door let nothing out

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            origin = origin_of(str(request.url))
            outgoing = httpx.Request(
                request.method,
                self._address(str(request.url), origin),
                headers=[*self._headers(request, origin), ("Accept-Encoding", "identity")],
                content=await request.aread(),
                extensions={"timeout": httpx.Timeout(CALL_WITHIN_S, connect=10.0).as_dict()},
            )
            reply = await self._door.handle_async_request(outgoing)
        except (EgressRefused, EgressFailed) as error:
            self.refused = error
            raise httpx2.ConnectError(str(error)) from None
        except httpx.TransportError as error:
            self.refused = McpServerFailed(
                f"The MCP server at {request.url.host} could not be reached ({type(error).__name__})."
            )
            raise httpx2.ConnectError(type(error).__name__) from None
        return httpx2.Response(
            reply.status_code,
            headers=reply.headers.multi_items(),
            stream=_Bounded(reply, self),
            request=request,
        )

    def take(self, count: int) -> None:
        """Count bytes that came. Raises what ends the conversation when there are too many."""
        self._left -= count
        if self._left < 0:
            self.refused = McpServerFailed(
                f"The MCP server answered with more than {_MOST_BYTES:,} bytes, the limit."
            )
            raise httpx2.ReadError("too long")

    async def aclose(self) -> None:
        await self._door.aclose()

    def _address(self, url: str, origin: str) -> httpx.URL:
        address = httpx.URL(url)
        if self._signature and origin in self._signature.origins and self._signature.query:
            return address.copy_merge_params(dict(self._signature.query))
        return address

    def _headers(self, request: httpx2.Request, origin: str) -> Iterator[tuple[str, str]]:
        signed = self._signature if self._signature and origin in self._signature.origins else None
        ours = {name.lower() for name in signed.headers} if signed else set()
        for name, value in request.headers.multi_items():
            if name.lower() not in _NOT_PASSED and name.lower() not in ours:
                yield name, value
        yield "Host", httpx.URL(str(request.url)).netloc.decode()
        if signed:
            yield from signed.headers.items()


class _Bounded(httpx2.AsyncByteStream):
    """An answer as it comes, counted."""

    def __init__(self, reply: httpx.Response, bridge: _Bridge) -> None:
        self._reply = reply
        self._bridge = bridge

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._reply.aiter_raw():
                self._bridge.take(len(piece))
                yield piece
        except httpx.TransportError as error:
            raise httpx2.ReadError(type(error).__name__) from None

    async def aclose(self) -> None:
        await self._reply.aclose()


def _offers(found: Sequence[types.Tool]) -> tuple[list[Offer], list[str]]:
    offers: dict[str, Offer] = {}
    refused: list[str] = []
    for tool in found[:_MOST_TOOLS]:
        name = tool.name[:200]
        if tool.name in offers:
            refused.append(f"{name}: the server has two tools of this name.")
        elif (why := _unusable(tool.input_schema)) is not None:
            refused.append(f"{name}: {why}")
        else:
            offers[tool.name] = Offer(
                name=tool.name,
                description=(tool.description or tool.title or tool.name)[:_LONGEST_DESCRIPTION],
                parameters=tool.input_schema,
                read_only=bool(tool.annotations and tool.annotations.read_only_hint),
            )
    if len(found) > _MOST_TOOLS:
        refused.append(f"The server has more than {_MOST_TOOLS} tools; the others were left out.")
    return list(offers.values()), refused


def _unusable(schema: Mapping[str, Any]) -> str | None:
    written = json.dumps(schema, ensure_ascii=False)
    if len(written) > _LONGEST_SCHEMA:
        return f"its parameters take more than {_LONGEST_SCHEMA:,} characters."
    if schema.get("type") != "object":
        return "its parameters are no object."
    if any(not reference.startswith("#") for reference in _references(schema)):
        return "its parameters refer to another document."
    return None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(each, str):
                yield each
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _text(result: types.CallToolResult) -> str:
    """Text as it is, of everything else what it is."""
    pieces = [_said(block) for block in result.content]
    spoken = any(isinstance(block, types.TextContent) for block in result.content)
    if result.structured_content is not None and not spoken:
        pieces.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(pieces)


def _said(block: Any) -> str:
    if isinstance(block, types.TextContent):
        return block.text
    if isinstance(block, types.ImageContent | types.AudioContent):
        return f"[{block.type}, {block.mime_type[:60]}, {len(block.data) * 3 // 4:,} bytes, not shown]"
    if isinstance(block, types.EmbeddedResource) and isinstance(block.resource, types.TextResourceContents):
        return block.resource.text
    if isinstance(block, types.ResourceLink):
        return f"[resource {block.name[:100]}: {block.uri}]"
    return f"[{type(block).__name__}, not shown]"


def _why(error: BaseException) -> str:
    """The first error in a group that says something."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return "its command is not installed."
    said = " ".join(str(error).split())[:300]
    return f"{said or type(error).__name__}"
