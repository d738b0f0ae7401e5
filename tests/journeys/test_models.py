"""A connected model that works, and models that do not."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, upload
from tests.journeys.upstream import Upstream

FACT = b"# Gates\n\nThe Tallinn warehouse opens its gates at 05:40 on weekdays.\n"
QUESTION = "When does the Tallinn warehouse open its gates?"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, models: Any, upstream: Upstream
) -> Iterator[httpx.Client]:
    process = ServerProcess(
        tmp_path_factory.mktemp("models") / "data",
        models,
        DOUMI_EXAMPLES="off",
        DOUMI_MODEL="openai:well",
        DOUMI_MODEL_BASE_URL=upstream.url,
        DOUMI_MODEL_API_KEY="sk-very-secret",
        DOUMI_MODEL_TIMEOUT_S="1.5",
    ).start()
    with process.client() as client:
        for model in ("well", "dies", "garbage", "silent", "refuses"):
            body = {"slug": model, "model": f"openai:{model}", "answer_from": "knowledge-first"}
            assert client.post("/api/assistants", json=body).status_code == 201
            upload(client, model, "gates.md", FACT)
        yield client
    process.stop()


def chat(client: httpx.Client, slug: str, **more: Any) -> httpx.Response:
    body = {"model": slug, "messages": [{"role": "user", "content": QUESTION}]} | more
    return client.post("/v1/chat/completions", json=body)


def test_a_models_answer_is_cited_and_its_prompt_holds_the_passage(
    client: httpx.Client, upstream: Upstream
) -> None:
    reply = chat(client, "well", temperature=0.2, unheard_of=True).json()
    assert reply["choices"][0]["message"]["content"] == "The files say so [1]."
    assert reply["citations"][0]["document"]["name"] == "gates.md"
    asked = upstream.requests[-1]
    assert "05:40" in json.dumps(asked["messages"])
    assert asked["temperature"] == 0.2
    assert "unheard_of" not in asked


@pytest.mark.parametrize(
    ("slug", "status", "code"),
    [
        ("garbage", 502, "model_broken"),
        ("silent", 504, "model_timeout"),
        ("refuses", 502, "model_rejected"),
        ("dies", 502, "model_broken"),
    ],
)
def test_a_model_that_fails_is_a_clear_error_and_no_half_turn_is_stored(
    client: httpx.Client, slug: str, status: int, code: str
) -> None:
    reply = chat(client, slug, conversation="new")
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert "sk-very-secret" not in reply.text
    assert client.get("/api/conversations", params={"assistant": slug}).json()["data"] == []


def test_a_model_that_dies_in_mid_stream_ends_the_stream_with_an_error(client: httpx.Client) -> None:
    reply = chat(client, "dies", conversation="new", stream=True)
    events = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["error"]["code"] == "model_broken"
    assert client.get("/api/conversations", params={"assistant": "dies"}).json()["data"] == []


def test_a_stream_that_cannot_begin_has_the_status_of_its_error(client: httpx.Client) -> None:
    reply = chat(client, "refuses", stream=True)
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "model_rejected")
