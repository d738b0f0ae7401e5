"""A model at an OpenAI-compatible address, spoken to directly.

Servers of one's own speak chat completions and nothing else, so here is what that takes and no more: one
pool of connections, one event after the other. Through the SDK and LangChain's client the same tokens took
most of the processor time of an answer (bench/README.md).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata

_LONGEST_EVENT = 16 * 1024 * 1024  # bytes: what is longer is no piece of an answer
_LONGEST_REFUSAL = 64 * 1024  # bytes of an error's body that are read
_END = "[DONE]"
_END_WITHIN_S = 0.1
_NO_CALLS: tuple[Any, ...] = ()


class Refused(Exception):
    """The server answered with an error's status; it has the attributes of the SDK's own error."""

    def __init__(self, response: aiohttp.ClientResponse, text: str) -> None:
        super().__init__(text[:1000])
        self.status_code = response.status
        self.response = response
        self.body = _read_json(text)


class Reported(Exception):
    """The server reported an error in the middle of its stream."""

    def __init__(self, body: Any) -> None:
        super().__init__(str(body)[:1000])
        self.body = body


class Unreadable(Exception):
    """What came is no stream of a chat completion."""


class Completions:
    """One model at one address."""

    def __init__(self, model: str, *, base_url: str, api_key: str, connect_s: float) -> None:
        """Raises ValueError for what is no address of a server."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("The address of a model begins with http:// or https://.")
        self._model = model
        self._url = parts._replace(path=f"{parts.path.rstrip('/')}/chat/completions").geturl()
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        proxies = {} if proxy_bypass(parts.netloc) else getproxies()
        self._proxy = proxies.get(parts.scheme) or proxies.get("all")
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        self._secure = parts.scheme == "https"
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def astream(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncGenerator[AIMessageChunk]:
        """The reply in pieces; closing the generator closes the connection. It waits for ever: time it."""
        asked = {
            "messages": [_on_the_wire(message) for message in messages],
            "model": self._model,
            "stream": True,
            "stream_options": {"include_usage": True},
            **parameters,
        }
        sent = json.dumps(asked).encode()
        async with self._opened().post(
            self._url, data=sent, headers=self._headers, proxy=self._proxy
        ) as reply:
            if reply.status >= 400:
                raise Refused(reply, await _beginning(reply))
            events, said = Events(), False
            async for part in reply.content.iter_any():
                for data in events.feed(part):
                    if data == _END:
                        await _drained(reply)
                        return
                    said = True
                    yield _piece(json.loads(data))
            for data in events.close():
                if data != _END:
                    said = True
                    yield _piece(json.loads(data))
            if not said:
                raise Unreadable("no piece of an answer came")

    def _opened(self) -> aiohttp.ClientSession:
        """The connections, which belong to the event loop that they are first used in."""
        if self._session is None:
            trusted = httpx.create_ssl_context() if self._secure else True  # as everywhere else in the house
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=trusted),  # the seats are the limit
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class Events:
    """The data of server-sent events, from bytes as they come."""

    def __init__(self) -> None:
        self._waiting = b""
        self._data: list[bytes] = []
        self._held = 0  # bytes of it

    def feed(self, part: bytes) -> list[str]:
        """The data of the events that are whole now. Raises Unreadable."""
        *lines, self._waiting = (self._waiting + part).split(b"\n")
        whole = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
                self._held += len(line)
            elif self._data and not line.strip():
                whole.append(self._taken())
        if self._held + len(self._waiting) > _LONGEST_EVENT:
            raise Unreadable("an event that does not end")
        return whole

    def close(self) -> list[str]:
        """The last event, where the server ended without an empty line."""
        self.feed(b"\n")
        return [self._taken()] if self._data else []

    def _taken(self) -> str:
        data = b"\n".join(self._data)
        self._data, self._held = [], 0
        return data.decode()


async def _beginning(reply: aiohttp.ClientResponse) -> str:
    """What an error's body says, or the beginning of it."""
    read = b""
    async for part in reply.content.iter_any():
        read += part
        if len(read) > _LONGEST_REFUSAL:
            break
    return read.decode("utf-8", "replace")


async def _drained(reply: aiohttp.ClientResponse) -> None:
    """Read the end of the body, which comes at once or never, so that the connection can be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_WITHIN_S):
            while await reply.content.readany():
                pass


def _piece(said: Mapping[str, Any]) -> AIMessageChunk:
    """One event as a chunk. Raises Reported; TypeError and the like where it has another shape."""
    if error := said.get("error"):
        raise Reported(error)
    counted = said.get("usage")
    usage = _usage(counted) if counted else None
    choices = said.get("choices")
    if not choices:
        return AIMessageChunk(content="", usage_metadata=usage)
    choice = choices[0]
    delta, reason = choice.get("delta") or {}, choice.get("finish_reason")
    return AIMessageChunk(
        content=delta.get("content") or "",
        tool_call_chunks=_calls(delta.get("tool_calls") or _NO_CALLS),
        usage_metadata=usage,
        response_metadata={"finish_reason": reason} if reason else {},
    )


def _calls(calls: Iterable[Mapping[str, Any]]) -> list[Any]:
    pieces = ((call, call.get("function") or {}) for call in calls)
    return [
        {
            "type": "tool_call_chunk",
            "index": call.get("index"),
            "id": call.get("id"),
            "name": function.get("name"),
            "args": function.get("arguments"),
        }
        for call, function in pieces
    ]


def _usage(counted: Mapping[str, Any]) -> UsageMetadata:
    asked, said = counted.get("prompt_tokens") or 0, counted.get("completion_tokens") or 0
    return UsageMetadata(input_tokens=asked, output_tokens=said, total_tokens=asked + said)


def _on_the_wire(message: BaseMessage) -> dict[str, Any]:
    """A message in OpenAI's words."""
    if isinstance(message, ToolMessage):
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    role = "user" if isinstance(message, HumanMessage) else "system"
    if not isinstance(message, AIMessage):
        return {"role": role, "content": message.content} | ({"name": message.name} if message.name else {})
    calls = [
        _call(call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    ]
    calls += [_call(call["id"], call["name"], call["args"]) for call in message.invalid_tool_calls]
    if not calls:
        return {"role": "assistant", "content": message.content}
    return {"role": "assistant", "content": message.content or None, "tool_calls": calls}


def _call(ident: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    return {"type": "function", "id": ident, "function": {"name": name, "arguments": arguments}}


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
