"""Budgets as an owner sets them and as clients meet them; the usage that stays."""

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.journeys.server import ServerProcess
from tests.journeys.upstream import Upstream

ASSISTANTS = ("drips", "well", "dies", "refuses")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("budgets")
    prices = folder / "prices.yaml"
    prices.write_text("currency: EUR\nmodels:\n  openai:well: {input: 1000, output: 3000}\n")
    with Upstream() as upstream:
        process = ServerProcess(
            folder / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:well",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_MODEL_API_KEY="sk-of-the-model",
            DOUMI_PRICES=str(prices),
        ).start()
        with process.client() as owner:
            for slug in ASSISTANTS:
                body = {"slug": slug, "model": f"openai:{slug}", "answer_from": "anything"}
                assert owner.post("/api/assistants", json=body).status_code == 201
        yield process
        process.stop()


@pytest.fixture
def owner(service: ServerProcess) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client
        for budget in client.get("/api/budgets").json()["data"]:
            assert client.delete(f"/api/budgets/{budget['id']}").status_code == 204


@pytest.fixture
def key(owner: httpx.Client) -> dict[str, Any]:
    made: dict[str, Any] = owner.post("/api/keys", json={"name": "Website"}).json()
    return made


def chat(slug: str, **more: Any) -> dict[str, Any]:
    return {"model": slug, "messages": [{"role": "user", "content": "When do the gates open?"}]} | more


def bound(owner: httpx.Client, of: str, target: str | None = None, **limits: Any) -> dict[str, Any]:
    reply = owner.put("/api/budgets", json={"of": of, "target": target} | limits)
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()
    return made


def used_by(owner: httpx.Client, key_id: str) -> dict[str, Any] | None:
    rows = owner.get("/api/usage", params={"by": "key"}).json()["data"]
    return next((row for row in rows if row["key"] == key_id), None)


def test_over_its_requests_a_minute_a_key_gets_429_with_what_remains_and_when_it_renews(
    service: ServerProcess, owner: httpx.Client, key: dict[str, Any]
) -> None:
    while time.time() % 60 > 50:  # all within one minute
        time.sleep(0.5)
    budget = bound(owner, "key", key["id"], requests_per_minute=2)
    with service.client(key["secret"]) as client:
        replies = [client.post("/v1/chat/completions", json=chat("well")) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        left = [reply.headers["x-ratelimit-remaining-requests"] for reply in replies]
        assert left == ["1", "0", "0"]
        assert replies[0].headers["x-ratelimit-limit-requests"] == "2"
        assert replies[0].headers["x-ratelimit-reset-requests"].endswith("s")
        error = replies[2].json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert "“Website” allows 2 requests a minute" in error["message"]
        assert 1 <= int(replies[2].headers["retry-after"]) <= 61
        for path, body in (
            ("/v1/responses", {"model": "well", "input": "When?"}),
            ("/v1/responses", {"model": "well", "input": "When?", "background": True}),
            ("/v1/chat/completions", chat("well", stream=True)),
            ("/v1/embeddings", {"model": "all-MiniLM-L6-v2", "input": "gates"}),
        ):
            assert client.post(path, json=body).status_code == 429, (path, body)
        mine = client.get("/api/budgets/mine").json()["data"]
        assert [each["id"] for each in mine] == [budget["id"]]
        assert mine[0]["used"]["requests_this_minute"] == 2
        sdk = openai.OpenAI(base_url=f"{service.url}/v1", api_key=key["secret"], max_retries=0)
        with pytest.raises(openai.RateLimitError) as caught:
            sdk.chat.completions.create(**chat("well"))
        assert caught.value.code == "rate_limit_exceeded"
        assert int(caught.value.response.headers["retry-after"]) >= 1
    assert owner.post("/v1/chat/completions", json=chat("well")).status_code == 200


@pytest.mark.parametrize("of", ["team", "member", "assistant", "key"])
def test_when_the_tokens_of_a_day_are_spent_it_is_said_whose_they_were(
    service: ServerProcess, owner: httpx.Client, of: str
) -> None:
    person, secret = new_member(service, owner, f"{of}@tokens.example")
    own = owner.post("/api/keys", json={"name": "Kiosk"}).json()
    target = {"team": None, "member": person, "assistant": "well", "key": own["id"]}[of]
    who = own["secret"] if of == "key" else secret
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        client.headers.update({"Authorization": f"Bearer {who}"} if of == "key" else {"Cookie": who})
        used = bound(owner, of, target, tokens_per_day=10**9)["used"]["tokens_today"]
        bound(owner, of, target, tokens_per_day=used + 1)
        first = client.post("/v1/chat/completions", json=chat("well"))
        assert first.status_code == 200
        assert first.headers["x-ratelimit-remaining-tokens"] == "1"
        refused = client.post("/v1/chat/completions", json=chat("well"))
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert error["code"] == "insufficient_quota"
        whose = {
            "team": "the team “Example team”",
            "member": "Your budget",
            "assistant": "the assistant 'well'",
            "key": "the key “Kiosk”",
        }[of]
        assert whose in error["message"]
        assert "renews at" in error["message"]
        assert 0 < int(refused.headers["retry-after"]) <= 86401
        assert refused.headers["x-ratelimit-remaining-tokens"] == "0"
        if of == "assistant":
            assert client.post("/v1/responses", json={"model": "dies", "input": "?"}).status_code == 502


def test_a_budget_in_money_counts_by_the_price_table(
    service: ServerProcess, owner: httpx.Client, key: dict[str, Any]
) -> None:
    bound(owner, "key", key["id"], money_per_month=0.000001)
    with service.client(key["secret"]) as client:
        usage = client.post("/v1/chat/completions", json=chat("well")).json()["usage"]
        refused = client.post("/v1/chat/completions", json=chat("well"))
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert "EUR a month" in refused.json()["error"]["message"]
    row = used_by(owner, key["id"])
    assert row is not None
    cost = (usage["prompt_tokens"] * 1000 + usage["completion_tokens"] * 3000) / 1e6
    assert row["cost"] == pytest.approx(cost)


def test_a_stream_that_its_reader_leaves_counts_what_it_used(
    service: ServerProcess, owner: httpx.Client, key: dict[str, Any]
) -> None:
    with service.client(key["secret"]) as client:
        with client.stream("POST", "/v1/chat/completions", json=chat("drips", stream=True)) as reply:
            assert "drip" in next(line for line in reply.iter_lines() if "drip " in line)
        left = waited_for(owner, key["id"], requests=1)
        assert left["prompt_tokens"] > 0
        assert 0 < left["completion_tokens"] < 1000
        assert client.post("/v1/chat/completions", json=chat("dies", stream=True)).status_code == 200
        broken = waited_for(owner, key["id"], requests=2)
        assert broken["prompt_tokens"] > left["prompt_tokens"]
        assert client.post("/v1/chat/completions", json=chat("refuses")).status_code == 502
        refused = waited_for(owner, key["id"], requests=3)
        assert refused["prompt_tokens"] == broken["prompt_tokens"], "a refusal costs nothing"


def test_runs_and_tools_of_mcp_and_embeddings_count_and_are_bounded(
    service: ServerProcess, owner: httpx.Client, key: dict[str, Any]
) -> None:
    called = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask_well", "arguments": {"question": "When do the gates open?"}},
    }
    accepted = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    message = {"role": "user", "content": "When do the gates open?"}
    begun = {"assistant_id": "well", "thread": {"messages": [message]}}
    embed = {"model": "all-MiniLM-L6-v2", "input": "When do the gates open?"}
    with service.client(key["secret"]) as client:
        assert client.post("/v1/embeddings", json=embed).status_code == 200
        assert not client.post("/mcp", json=called, headers=accepted).json()["result"].get("isError")
        run = client.post("/v1/threads/runs", json=begun).json()
        assert ended(client, run)["status"] == "completed"
        row = waited_for(owner, key["id"], requests=3)
        assert row["total_tokens"] > 20
        bound(owner, "key", key["id"], tokens_per_day=1)
        assert client.post("/v1/embeddings", json=embed).status_code == 429
        said = client.post("/mcp", json=called, headers=accepted).json()["result"]
        assert said["isError"]
        assert "allows 1 tokens a day" in said["content"][0]["text"]
        over = ended(client, client.post("/v1/threads/runs", json=begun).json())
        assert (over["status"], over["last_error"]["code"]) == ("failed", "rate_limit_exceeded")


def test_usage_is_reported_by_what_is_asked_for_also_when_its_assistant_is_gone(
    service: ServerProcess, owner: httpx.Client, key: dict[str, Any]
) -> None:
    owner.post("/api/assistants", json={"slug": "brief", "model": "openai:well", "answer_from": "anything"})
    with service.client(key["secret"]) as client:
        asked = client.post("/v1/chat/completions", json=chat("brief", conversation="new")).json()
        assert client.get("/api/usage").status_code == 403
        assert client.delete(f"/api/conversations/{asked['conversation']}").status_code == 204
    owner.delete("/api/assistants/brief")
    owner.delete(f"/api/keys/{key['id']}")
    whole = owner.get("/api/usage").json()
    [row] = [each for each in whole["data"] if each["assistant"] == "brief"]
    assert row["total_tokens"] == asked["usage"]["total_tokens"]
    assert (row["requests"], row["key_name"], row["model"]) == (1, "Website", "openai:well")
    assert whole["currency"] == "EUR"
    lines = list(csv.DictReader(io.StringIO(owner.get("/api/usage/export").text)))
    [line] = [each for each in lines if each["assistant"] == "brief"]
    assert line["total_tokens"] == str(row["total_tokens"])
    by_day = owner.get("/api/usage", params={"by": "day"}).json()["data"]
    assert len(by_day) == 1
    assert by_day[0]["requests"] == sum(each["requests"] for each in whole["data"])
    before = {"from": "2020-01-01", "to": "2020-12-31"}
    assert owner.get("/api/usage", params=before).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"of": "team"}, 400, "invalid_budget"),
        ({"of": "member", "tokens_per_day": 1}, 400, "invalid_budget"),
        ({"of": "member", "target": "mem_nobody", "tokens_per_day": 1}, 404, "member_not_found"),
        ({"of": "assistant", "target": "nobody", "tokens_per_day": 1}, 404, "model_not_found"),
        ({"of": "key", "target": "key_nobody", "tokens_per_day": 1}, 404, "key_not_found"),
        ({"of": "team", "target": "other", "tokens_per_day": 1}, 400, "invalid_budget"),
        ({"of": "team", "tokens_per_day": -1}, 422, "invalid_value"),
        ({"of": "team", "tokens_a_day": 1}, 422, "invalid_value"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(
    owner: httpx.Client, body: dict[str, Any], status: int, code: str
) -> None:
    reply = owner.put("/api/budgets", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("query", [{"by": "mood"}, {"by": ","}, {"from": "2026-02-01", "to": "2026-01-01"}])
def test_a_report_that_cannot_be_made_is_refused(owner: httpx.Client, query: dict[str, str]) -> None:
    for path in ("/api/usage", "/api/usage/export"):
        reply = owner.get(path, params=query)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_report")


def new_member(service: ServerProcess, owner: httpx.Client, email: str) -> tuple[str, str]:
    """A member's id, and the cookie of their session."""
    link = owner.post("/api/invitations", json={"role": "viewer"}).json()["url"]
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as guest:
        body = {"token": link.split("=", 1)[1], "name": "K", "email": email, "password": "ten quiet owls"}
        assert guest.post("/api/join", json=body).status_code == 204
        cookie = "; ".join(f"{name}={value}" for name, value in guest.cookies.items())
    members = owner.get("/api/members").json()["data"]
    return next(each["id"] for each in members if each["email"] == email), cookie


def waited_for(owner: httpx.Client, key_id: str, *, requests: int) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (row := used_by(owner, key_id)) is None or row["requests"] < requests:
        assert time.monotonic() < deadline, row
        time.sleep(0.05)
    return row


def ended(client: httpx.Client, run: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while run["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, json.dumps(run)
        time.sleep(0.05)
        run = client.get(f"/v1/threads/{run['thread_id']}/runs/{run['id']}").json()
    return run
