"""An assistant that calls an outside API: a real service, a real API, calls that are seen, confirmed and refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import openai
import pytest
from mcp.client.client import Client

from tests.journeys.server import ServerProcess, ask
from tests.journeys.test_mcp_server import talk
from tests.journeys.upstream import Upstream

SPEC = """\
openapi: 3.1.0
info: {title: Weather, version: "1"}
servers: [{url: "http://127.0.0.1:%d"}]
paths:
  /weather:
    get:
      operationId: getWeather
      summary: The weather of a city
      parameters: [{name: city, in: query, required: true, schema: {type: string}}]
      responses: {"200": {description: ok}}
  /alerts:
    post:
      operationId: orderAlert
      summary: Order a storm alert
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, properties: {city: {type: string}, days: {type: integer}}}}}
      responses: {"200": {description: ok}}
"""
ALERT = {"body": {"city": "Tallinn", "days": 3}}


class Outside(ThreadingHTTPServer):
    """The API: notes what arrives, says that it is sunny."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.daemon_threads = True

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        assert isinstance(self.server, Outside)
        self.server.seen.append((self.command, self.path, body))
        reply = json.dumps(
            {"said": "Sunny, 21 degrees" if self.command == "GET" else "Alert ordered"}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with Outside() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def process(
    tmp_path_factory: pytest.TempPathFactory, models: Any, outside: Outside
) -> Iterator[ServerProcess]:
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("actions") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:acts",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_EGRESS_ALLOW=f"127.0.0.1:{outside.port}",
        ).start()
        with process.client() as client:
            body = {"slug": "weather", "instruction": "Tell the weather.", "answer_from": "anything"}
            assert client.post("/api/assistants", json=body).status_code == 201
            spec = {"name": "sky", "spec": SPEC % outside.port}
            made = client.post("/api/assistants/weather/actions", json=spec)
            assert made.status_code == 201, made.text
        yield process
        process.stop()


@pytest.fixture
def client(process: ServerProcess) -> Iterator[httpx.Client]:
    with process.client() as client:
        yield client


@pytest.fixture
def seen(outside: Outside) -> list[tuple[str, str, str]]:
    outside.seen.clear()
    return outside.seen


def test_the_answer_comes_from_the_api_and_the_call_is_visible(client, seen):
    reply = ask(client, "weather", 'Weather? call getWeather {"city": "Tallinn"}', trace=True)
    assert "Sunny, 21 degrees" in reply["choices"][0]["message"]["content"]
    (action,) = reply["actions"]
    assert (action["name"], action["status"], action["http_status"]) == ("getWeather", "done", 200)
    assert action["call"]["method"] == "GET"
    assert seen == [("GET", "/weather?city=Tallinn", "")]
    assert reply["trace"]["calls"][0]["size"] > 0


def test_a_consequential_call_is_made_after_it_was_confirmed_even_over_a_restart(process, seen):
    with process.client() as client:
        reply = ask(client, "weather", f"call orderAlert {json.dumps(ALERT)}", conversation="new")
    asked = reply["confirmation"]
    assert (asked["method"], asked["path"], asked["arguments"]) == ("POST", "/alerts", ALERT)
    assert seen == []
    process.kill()
    process.start()
    with process.client() as client:
        rest = client.post(asked["url"], json={"decision": "once"}).json()
        assert "Alert ordered" in rest["choices"][0]["message"]["content"]
        ((method, path, body),) = seen
        assert (method, path, json.loads(body)) == ("POST", "/alerts", ALERT["body"])
        assert client.post(asked["url"], json={"decision": "once"}).status_code == 409
        (turn,) = client.get(f"/api/conversations/{reply['conversation']}").json()["turns"]
        assert turn["actions"][0]["status"] == "done"


def test_openais_sdk_reads_the_stream_and_refuses(process, seen):
    sdk = openai.OpenAI(base_url=f"{process.url}/v1", api_key=process.owner_key)
    question: Any = [{"role": "user", "content": f"call orderAlert {json.dumps(ALERT)}"}]
    stream = sdk.chat.completions.create(model="weather", messages=question, stream=True)
    *_, last = list(stream)
    assert last.choices[0].finish_reason == "stop"
    asked = last.model_extra["confirmation"]
    said = {"confirmation": {"id": asked["id"], "decision": "refuse"}}
    rest = sdk.chat.completions.create(model="weather", messages=question, extra_body=said)
    assert "refused" in rest.choices[0].message.content
    assert seen == []
    sdk.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_of_the_assistants_api_waits_for_a_person_with_openais_sdk(process, seen):
    with openai.OpenAI(base_url=f"{process.url}/v1", api_key=process.owner_key) as sdk:
        question = f"call orderAlert {json.dumps(ALERT)}"
        run = sdk.beta.threads.create_and_run_poll(
            assistant_id="weather",
            thread={"messages": [{"role": "user", "content": question}]},
            poll_interval_ms=50,
        )
        assert run.status == "requires_action"
        (call,) = run.required_action.submit_tool_outputs.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("orderAlert", ALERT)
        assert call.model_extra["confirmation"]["path"] == "/alerts"
        assert seen == []
        ended = sdk.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=run.thread_id,
            tool_outputs=[{"tool_call_id": call.id, "output": "once"}],
            poll_interval_ms=50,
        )
        assert ended.status == "completed"
        assert [each[0] for each in seen] == ["POST"]
        (said,) = sdk.beta.threads.messages.list(run.thread_id, order="desc", limit=1).data
        assert "Alert ordered" in said.content[0].text.value


def test_an_mcp_client_is_told_what_waits_and_how_to_decide(process, client, seen):
    async def what(mcp: Client) -> Any:
        return await mcp.call_tool("ask_weather", {"question": f"call orderAlert {json.dumps(ALERT)}"})

    reply = talk(process, what)
    assert not reply.is_error
    asked = reply.structured_content["confirmation"]
    assert (asked["method"], asked["path"], asked["arguments"]) == ("POST", "/alerts", ALERT)
    assert f"POST {process.url}/api/confirmations/{asked['id']}" in reply.content[0].text
    assert reply.structured_content["actions"][0]["status"] == "waiting"
    assert seen == []
    rest = client.post(asked["url"], json={"decision": "once"}).json()
    assert "Alert ordered" in rest["choices"][0]["message"]["content"]
    assert len(seen) == 1


def test_always_ends_where_the_spec_describes_another_call(process, client, outside, seen):
    def orders() -> Any:
        return ask(client, "weather", f"call orderAlert {json.dumps(ALERT)}").get("confirmation")

    asked = orders()
    assert client.post(asked["url"], json={"decision": "always"}).status_code == 200
    assert orders() is None
    assert len(seen) == 2
    moved = (SPEC % outside.port).replace("/alerts:", "/alerts/all:")
    (action,) = client.get("/api/assistants/weather/actions").json()["data"]
    address = f"/api/assistants/weather/actions/{action['name']}"
    assert client.put(address, json={"spec": moved}).status_code == 200
    try:
        assert orders() is not None
        assert len(seen) == 2
    finally:
        client.put(address, json={"spec": SPEC % outside.port})
        for each in client.get("/api/approvals").json()["data"]:
            client.delete(f"/api/approvals/{each['id']}")


def test_an_instruction_file_says_which_actions_it_uses(client, seen):
    other = {"instruction": "---\nactions: [other]\nanswer_from: anything\n---\nTell the weather."}
    assert client.put("/api/assistants/weather", json=other).status_code == 200
    reply = client.post(
        "/v1/chat/completions",
        json={
            "model": "weather",
            "messages": [{"role": "user", "content": 'call getWeather {"city": "Rome"}'}],
        },
    ).json()
    assert reply["choices"][0]["finish_reason"] == "tool_calls"  # nobody here has such a tool
    assert seen == []
    mine = {"instruction": "---\nactions: [sky]\nanswer_from: anything\n---\nTell the weather."}
    client.put("/api/assistants/weather", json=mine)
    assert ask(client, "weather", 'call getWeather {"city": "Rome"}')["actions"][0]["status"] == "done"
