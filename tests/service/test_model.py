"""Models against a real server on loopback, in the ways that servers fail."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from service.model import (
    Model,
    ModelBroken,
    ModelError,
    ModelMisconfigured,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Timeouts,
    finish_reason,
    open_model,
)
from tests.service.upstream import Reply, Upstream, Wire, hangs, upstream, works

KEY = "sk-very-secret-0123456789"
PATIENT = Timeouts(connect_s=5.0, first_token_s=20.0, between_tokens_s=20.0, whole_s=40.0)


def opened(url: str, timeouts: Timeouts = PATIENT) -> Model:
    return open_model("openai:tiny", base_url=url, api_key=KEY, timeouts=timeouts)


async def said(model: Model, **more: Any) -> tuple[str, list[Any]]:
    try:
        chunks = [chunk async for chunk in model.stream([HumanMessage("How many?")], **more)]
    finally:
        await model.aclose()
    return "".join(chunk.text for chunk in chunks), chunks


def against(
    *replies: Reply,
    do: Callable[[Model, Upstream], Awaitable[Any]] | None = None,
    timeouts: Timeouts = PATIENT,
) -> Any:
    """What `do` (or a plain question) gives at a server with these replies."""

    async def run() -> Any:
        async with upstream(*replies) as there:
            model = opened(there.url, timeouts)
            return await (do(model, there) if do else said(model))

    return asyncio.run(run())


def test_a_reply_comes_in_pieces_with_its_end_and_its_tokens():
    text, chunks = against(works)
    assert text == "Fifteen days."
    assert [reason for chunk in chunks if (reason := finish_reason(chunk))] == ["stop"]
    assert [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata] == [2]


async def _breaks(wire: Wire) -> None:
    await wire.json(500, {"error": {"message": "out of memory"}})


async def _limits(wire: Wire) -> None:
    await wire.json(429, {"error": {"message": "slow down"}}, "Retry-After: 7")


async def _refuses_key(wire: Wire) -> None:
    await wire.json(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})


async def _refuses_request(wire: Wire) -> None:
    await wire.json(400, {"error": {"message": f"context length exceeded for {KEY}"}})


async def _knows_no_such_model(wire: Wire) -> None:
    await wire.json(404, {"error": {"message": "no model"}})


async def _sends_a_page(wire: Wire) -> None:
    await wire.head(200, "text/html")
    await wire.send("<html>Welcome to nginx!</html>")


async def _sends_rubbish(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    await wire.send("data: {this is no JSON\n\n")


async def _sends_another_shape(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    await wire.send('data: {"choices": "none"}\n\ndata: [DONE]\n\n')


async def _dies(wire: Wire) -> None:
    await wire.head(200, "text/event-stream", "Transfer-Encoding: chunked")
    data = 'data: {"choices":[{"index":0,"delta":{"content":"Fif"},"finish_reason":null}]}\n\n'
    await wire.send(f"{len(data):x}\r\n{data}\r\n")  # and no last chunk


async def _ends_early(wire: Wire) -> None:
    await wire.events("Fifteen", finish=None)


async def _reports_in_the_stream(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    await wire.event({"content": "Fif"})
    await wire.data({"error": {"message": "the GPU fell off", "code": 500}})


async def _stalls(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    await wire.event({"content": "Fif"})
    await hangs(wire)


async def _drips(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    for _ in range(40):
        await wire.event({"content": "x"})
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (_breaks, ModelUnavailable, "status 500"),
        (_limits, ModelRateLimited, "in 7 seconds"),
        (_refuses_key, ModelRejected, "DOUMI_MODEL_API_KEY"),
        (_refuses_request, ModelRejected, "context length exceeded"),
        (_knows_no_such_model, ModelRejected, "DOUMI_MODEL_BASE_URL"),
        (_sends_a_page, ModelBroken, "cannot be read"),
        (_sends_rubbish, ModelBroken, "cannot be read"),
        (_sends_another_shape, ModelBroken, "cannot be read"),
        (_dies, ModelBroken, "in the middle"),
        (_ends_early, ModelBroken, "in the middle"),
        (_reports_in_the_stream, ModelBroken, "in the middle"),
    ],
)
def test_each_way_to_fail_is_one_sentence_that_says_what_to_do(reply, error, says):
    with pytest.raises(error, match=says) as raised:
        against(reply)
    message = str(raised.value)
    assert type(raised.value) is error
    assert KEY not in message
    assert message.startswith("The model openai:tiny ")
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("reply", "limit", "says"),
    [
        (hangs, "first_token_s", "sent nothing for 0.3 seconds"),
        (_stalls, "between_tokens_s", "stopped sending for 0.3 seconds"),
        (_drips, "whole_s", "did not finish within 0.3 seconds"),
    ],
)
def test_each_wait_for_a_model_has_an_end_of_its_own(reply, limit, says):
    with pytest.raises(ModelTimeout, match=says):
        against(reply, timeouts=replace(PATIENT, **{limit: 0.3}))


def test_a_server_that_is_down_is_named_within_the_time_to_connect():
    async def run() -> None:
        async with upstream(works) as there:
            url = there.url
        await said(opened(url))

    with pytest.raises(ModelUnavailable, match="could not be reached"):
        asyncio.run(run())


def test_a_pause_that_the_provider_asks_for_is_handed_on_in_seconds():
    with pytest.raises(ModelRateLimited) as raised:
        against(_limits)
    assert raised.value.retry_after == 7.0


def test_one_failure_before_the_first_token_is_tried_again():
    async def run(model: Model, there: Upstream) -> None:
        text, _ = await said(model)
        assert text == "Fifteen days."
        assert len(there.requests) == 2

    against(_breaks, works, do=run)


def test_nothing_is_tried_again_once_a_token_came():
    async def run(model: Model, there: Upstream) -> None:
        with pytest.raises(ModelBroken):
            await said(model)
        assert len(there.requests) == 1

    against(_dies, works, do=run)


def test_a_refused_request_is_not_tried_again():
    async def run(model: Model, there: Upstream) -> None:
        with pytest.raises(ModelRejected):
            await said(model)
        assert len(there.requests) == 1

    against(_refuses_key, works, do=run)


def test_slow_tokens_are_waited_for_as_long_as_each_comes_in_time():
    async def slow(wire: Wire) -> None:
        await wire.head(200, "text/event-stream")
        for _ in range(4):
            await asyncio.sleep(0.3)
            await wire.event({"content": "x"})
        await wire.event({}, "stop")

    text, _ = against(slow, timeouts=replace(PATIENT, between_tokens_s=1.0))
    assert text == "xxxx"


def test_closing_the_stream_closes_the_connection():
    async def endless(wire: Wire) -> None:
        await wire.head(200, "text/event-stream")
        while True:
            await wire.event({"content": "x" * 1000})
            await asyncio.sleep(0.005)

    async def run(model: Model, there: Upstream) -> None:
        stream = model.stream([HumanMessage("How many?")])
        async for chunk in stream:
            if chunk.text:
                break
        await stream.aclose()
        await asyncio.wait_for(there.hung_up.wait(), 2)
        await model.aclose()

    against(endless, do=run)


def test_tools_and_parameters_reach_the_server_in_its_own_words():
    tool = {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
    }

    async def calls(wire: Wire) -> None:
        await wire.head(200, "text/event-stream")
        call = {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "look", "arguments": "{"},
        }
        await wire.event({"tool_calls": [call]})
        await wire.event({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, "tool_calls")

    async def run(model: Model, there: Upstream) -> None:
        wanted = {"temperature": 0.2, "max_tokens": 5, "seed": 3, "store": True}
        _, chunks = await said(model, tools=[tool], tool_choice="auto", parameters=wanted)
        pieces = [call for chunk in chunks for call in chunk.tool_call_chunks]
        assert [(piece["id"], piece["name"], piece["args"]) for piece in pieces] == [
            ("call_1", "look", "{"),
            (None, None, "}"),
        ]
        body = there.requests[0].body
        assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.2, 5, 3)
        assert body["tools"][0]["function"]["name"] == "look"
        assert body["tool_choice"] == "auto"
        assert "store" not in body

    against(calls, do=run)


def test_a_server_of_ones_own_is_never_sent_the_key_of_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def run() -> None:
        async with upstream(works) as there:
            await said(open_model("tiny", base_url=there.url, timeouts=PATIENT))
            assert KEY not in json.dumps(there.requests[0].headers)

    asyncio.run(run())


async def _as_anthropic(wire: Wire) -> None:
    await wire.head(200, "text/event-stream")
    message = {"id": "m", "type": "message", "role": "assistant", "model": "tiny", "content": []}
    message |= {"stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    for event in (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Fifteen days."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens"},
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
        {"type": "message_stop"},
    ):
        await wire.send(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")


async def _as_ollama(wire: Wire) -> None:
    await wire.head(200, "application/x-ndjson")
    part = {"model": "tiny", "created_at": "2026-01-01T00:00:00Z", "done": False}
    await wire.send(json.dumps({**part, "message": {"role": "assistant", "content": "Fifteen days."}}) + "\n")
    end = {"done": True, "done_reason": "length", "prompt_eval_count": 9, "eval_count": 4}
    await wire.send(json.dumps({**part, **end, "message": {"role": "assistant", "content": ""}}) + "\n")


@pytest.mark.parametrize(("provider", "reply"), [("anthropic", _as_anthropic), ("ollama", _as_ollama)])
def test_other_providers_stream_count_and_end_in_the_same_words(provider, reply):
    async def run() -> dict[str, Any]:
        async with upstream(reply) as there:
            model = open_model(
                f"{provider}:tiny", base_url=there.url.removesuffix("/v1"), api_key=KEY, timeouts=PATIENT
            )
            text, chunks = await said(model, parameters={"max_tokens": 4, "temperature": 0.0, "seed": 1})
            assert text == "Fifteen days."
            assert [reason for chunk in chunks if (reason := finish_reason(chunk))] == ["length"]
            counts = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
            assert max(count["input_tokens"] for count in counts) == 9
            assert max(count["output_tokens"] for count in counts) == 4
            return there.requests[0].body

    body = asyncio.run(run())
    limit = body["max_tokens"] if provider == "anthropic" else body["options"]["num_predict"]
    assert limit == 4


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
@pytest.mark.parametrize(
    ("reply", "error", "patience"),
    [(_breaks, ModelUnavailable, 20.0), (_refuses_key, ModelRejected, 20.0), (hangs, ModelTimeout, 0.3)],
)
def test_other_providers_fail_in_the_same_sentences(provider, reply, error, patience):
    timeouts = replace(PATIENT, first_token_s=patience)

    async def run() -> None:
        async with upstream(reply) as there:
            url = there.url.removesuffix("/v1")
            await said(open_model(f"{provider}:tiny", base_url=url, api_key=KEY, timeouts=timeouts))

    with pytest.raises(error) as raised:
        asyncio.run(run())
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpt-5", "names no model"),
        ("", "names no model"),
        ("openai:", "names no model"),
        ("mistralai:large", "pip install langchain-mistralai"),
    ],
)
def test_a_name_that_cannot_be_opened_says_what_to_do(name, says):
    with pytest.raises(ModelMisconfigured, match=says):
        open_model(name)


def test_a_missing_package_names_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(ModelMisconfigured, match=r"pip install 'doumi\[anthropic\]'"):
        open_model("anthropic:claude-sonnet-5")


def test_a_missing_key_is_told_before_the_first_question(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelMisconfigured, match="DOUMI_MODEL_API_KEY"):
        open_model("openai:gpt-5")


def test_the_quoting_model_needs_no_provider_package():
    code = "import sys; from service.model import open_model; open_model('quote'); print('openai' in sys.modules)"
    assert asyncio.run(_output(code)) == "False"


async def _output(code: str) -> str:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().strip()


def test_a_short_reply_is_given_up_in_time():
    async def run(model: Model, _: Upstream) -> None:
        try:
            await model.complete([HumanMessage("How many?")], within_s=0.1)
        finally:
            await model.aclose()

    with pytest.raises(ModelTimeout, match=r"within 0\.1 seconds"):
        against(hangs, do=run)


def test_every_error_of_a_model_has_a_name_of_its_own():
    assert len({error.__name__ for error in ModelError.__subclasses__()}) == 6
