"""Chat completions from a server on loopback, as bytes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from service.completions import Completions, Events, Refused, Reported, Unreadable
from tests.service.upstream import Reply, Upstream, Wire, upstream, works

PIECE = '{"choices":[{"index":0,"delta":{"content":"Fif"},"finish_reason":null}]}'


async def asked(url: str, *messages: Any, **parameters: Any) -> list[AIMessageChunk]:
    completions = Completions("tiny", base_url=url, api_key="none", connect_s=5)
    try:
        return [
            chunk async for chunk in completions.astream(messages or [HumanMessage("How many?")], parameters)
        ]
    finally:
        await completions.aclose()


def against(reply: Reply, do: Callable[[Upstream], Awaitable[Any]] | None = None) -> Any:
    async def run() -> Any:
        async with upstream(reply) as there:
            return await (do(there) if do else asked(there.url))

    return asyncio.run(run())


def sends(text: str) -> Reply:
    async def reply(wire: Wire) -> None:
        await wire.head(200, "text/event-stream")
        await wire.send(text)

    return reply


@pytest.mark.parametrize(
    "stream",
    [
        f"data: {PIECE}\n\ndata: [DONE]\n\n",
        f"data:{PIECE}\r\n\r\ndata:[DONE]\r\n\r\n",
        f": waiting\n\nevent: message\nid: 1\ndata: {PIECE}\n\n: waiting\n\ndata: [DONE]\n\n",
        f"data: {PIECE}\n\ndata: [DONE]",
        f"data: {PIECE}",
        PIECE.replace(",", ",\n").join(("data: ", "\n\n")).replace(",\n", ",\ndata: "),
    ],
)
def test_events_are_read_however_a_server_writes_them(stream):
    assert [chunk.text for chunk in against(sends(stream))] == ["Fif"]


def test_an_event_may_come_in_pieces_and_letters_in_halves():
    data = 'data: {"text": "휴가는 15일입니다 ✨"}\n\n'.encode()
    events = Events()
    assert [said for at in range(len(data)) for said in events.feed(data[at : at + 1])] == [
        '{"text": "휴가는 15일입니다 ✨"}'
    ]


@pytest.mark.parametrize("line", [b"x", b"data: x\n"])
def test_an_event_that_never_ends_is_given_up(line):
    events = Events()
    part = line * (4 * 1024 * 1024 // len(line))
    with pytest.raises(Unreadable):
        [events.feed(part) for _ in range(8)]


def test_an_error_in_place_of_the_first_piece_is_handed_on():
    with pytest.raises(Reported) as raised:
        against(sends('data: {"error": {"message": "the GPU fell off"}}\n\n'))
    assert raised.value.body == {"message": "the GPU fell off"}


def test_a_refusal_keeps_its_status_its_headers_and_what_it_says():
    async def refuses(wire: Wire) -> None:
        await wire.json(418, {"error": {"message": "short and stout"}}, "Retry-After: 3")

    with pytest.raises(Refused) as raised:
        against(refuses)
    assert raised.value.status_code == 418
    assert raised.value.response.headers["retry-after"] == "3"
    assert raised.value.body["error"]["message"] == "short and stout"


def test_messages_arrive_as_openai_writes_them():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    text = {"type": "text", "text": "What is this?"}
    call = {"type": "tool_call", "id": "call_1", "name": "look", "args": {"at": "집"}}
    broken = {
        "type": "invalid_tool_call",
        "id": "call_2",
        "name": "look",
        "args": "{",
        "error": None,
    }
    messages = [
        SystemMessage("Be brief."),
        HumanMessage([text, image]),
        AIMessage("", tool_calls=[call], invalid_tool_calls=[broken]),
        ToolMessage("A house.", tool_call_id="call_1"),
        AIMessage("A house."),
    ]

    async def run(there: Upstream) -> dict[str, Any]:
        await asked(there.url, *messages, temperature=0.5)
        return there.requests[0].body

    body = against(works, run)
    assert body == {
        "model": "tiny",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [text, image]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "type": "function",
                        "id": "call_1",
                        "function": {"name": "look", "arguments": '{"at": "집"}'},
                    },
                    {"type": "function", "id": "call_2", "function": {"name": "look", "arguments": "{"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "A house."},
            {"role": "assistant", "content": "A house."},
        ],
    }


def test_the_next_question_goes_over_the_same_connection():
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            data = f"data: {PIECE}\n\ndata: [DONE]\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
        completions = Completions("tiny", base_url=url, api_key="none", connect_s=5)
        for _ in range(3):
            said = [chunk.text async for chunk in completions.astream([HumanMessage("How many?")], {})]
            assert said == ["Fif"]
        await completions.aclose()
        server.close()

    asyncio.run(run())
    assert connections == 1


def test_what_is_no_address_is_told_at_once():
    with pytest.raises(ValueError, match="http://"):
        Completions("tiny", base_url="localhost:8080/v1", api_key="none", connect_s=5)
