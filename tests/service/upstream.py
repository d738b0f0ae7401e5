"""A model's server on loopback that works, or fails in one of the ways that real ones do."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[["Wire"], Awaitable[None]]


@dataclass
class Wire:
    """One request, and the connection to answer it on."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self, status: int, kind: str, *more: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Connection: close", *more, "", ""]
        await self.send("\r\n".join(lines))

    async def send(self, text: str) -> None:
        self.writer.write(text.encode())
        await self.writer.drain()

    async def json(self, status: int, body: Any, *more: str) -> None:
        await self.head(status, "application/json", *more)
        await self.send(json.dumps(body))

    async def events(self, *pieces: str, usage: bool = True, finish: str | None = "stop") -> None:
        """An OpenAI stream, up to the end or, without `finish`, not quite."""
        await self.head(200, "text/event-stream")
        await self.event({"role": "assistant", "content": ""})
        for piece in pieces:
            await self.event({"content": piece})
        if finish:
            await self.event({}, finish)
            if usage:
                counts = {
                    "prompt_tokens": 7,
                    "completion_tokens": len(pieces),
                    "total_tokens": 7 + len(pieces),
                }
                await self.data({**self._frame(), "choices": [], "usage": counts})
            await self.send("data: [DONE]\n\n")

    async def event(self, delta: dict[str, Any], finish: str | None = None) -> None:
        await self.data({**self._frame(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    async def data(self, data: Any) -> None:
        await self.send(f"data: {json.dumps(data)}\n\n")

    def _frame(self) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}


@dataclass
class Upstream:
    """What was asked, and where."""

    url: str = ""
    requests: list[Wire] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)  # a client closed before the end


@asynccontextmanager
async def upstream(*replies: Reply) -> AsyncIterator[Upstream]:
    """Answers the n-th request with the n-th reply; the last one serves for all that follow."""
    here = Upstream()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            try:
                wire = await _read(reader, writer)
                here.requests.append(wire)
                await replies[min(len(here.requests), len(replies)) - 1](wire)
            except ConnectionError:
                here.hung_up.set()
            finally:
                writer.close()
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield here
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Wire:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Wire(head[0].split()[1], headers, json.loads(body or b"{}"), reader, writer)


async def hangs(wire: Wire) -> None:
    await wire.reader.read()  # until the client goes


async def works(wire: Wire) -> None:
    await wire.events("Fifteen ", "days.")
