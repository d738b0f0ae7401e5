"""Confirmations over the API: a real application and database, a scripted model, tools that note their calls."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from service.app import create_app
from service.installation import Installation
from service.model import Model
from service.records import Role
from service.scripted import ScriptedChatModel, ScriptedTool, calls
from service.settings import Settings
from service.store.engine import now
from service.store.tables import confirmations

OWNER = "sk-doumi-" + "a" * 43
ORDER = {"item": "tea", "count": 2}
QUESTION = [{"role": "user", "content": "Order two teas"}]


class Shop:
    """A service with an assistant `shop`, whose model says what the test tells it to."""

    def __init__(self, client: TestClient, here: Installation) -> None:
        self.client = client
        self.here = here
        self.order = ScriptedTool(
            name="order", consequential=True, method="POST", path="/orders", text="Order 7 placed."
        )
        here.tool_sources[:] = [lambda caller, assistant: [self.order] if assistant.slug == "shop" else []]

    def says(self, *script: Any) -> ScriptedChatModel:
        chat = ScriptedChatModel(script=[list(each) for each in script])
        self.here._models["scripted:shop"] = Model(name="scripted:shop", chat=chat, retries=0)
        return chat

    def asks(self, **more: Any) -> Any:
        """The answer that stops for a confirmation."""
        self.says(calls(("order", ORDER), text="I will order it."), ["Order 7 is placed."])
        return self.client.post("/v1/chat/completions", json={"model": "shop", "messages": QUESTION} | more)

    def decide(self, confirmation: str, decision: str, **more: Any) -> Any:
        return self.client.post(f"/api/confirmations/{confirmation}", json={"decision": decision} | more)

    def member(self, team: str | None = None) -> dict[str, str]:
        """The headers of another member."""
        store = self.here.store
        of = team or store.teams.by_slug("shops").id
        member = store.members.add(of, name="Other", role=Role.OWNER)
        _, secret = store.keys.create(of, name="k", role=Role.OWNER, member_id=member)
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Iterator[tuple[TestClient, Installation]]:
    data = tmp_path_factory.mktemp("shop") / "data"
    data.mkdir()
    (data / "models").symlink_to(models, target_is_directory=True)
    app = create_app(Settings(data=data, examples=False, _env_file=None))
    with TestClient(app, headers={"Authorization": f"Bearer {OWNER}"}) as client:
        here = app.state.installation
        here.loaded.result(timeout=60)
        team = here.store.teams.create(slug="shops", name="Shops").id
        owner = here.store.members.add(team, name="Owner", role=Role.OWNER)
        here.store.keys.create(team, name="k", role=Role.OWNER, member_id=owner, secret=OWNER)
        body = {"slug": "shop", "model": "scripted:shop", "instruction": "Take orders."}
        assert client.post("/api/assistants", json=body).status_code == 201
        yield client, here


@pytest.fixture
def shop(running: tuple[TestClient, Installation]) -> Shop:
    return Shop(*running)


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_client_without_a_stream_is_told_what_waits_and_how_to_go_on(shop):
    reply = shop.asks().json()
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert "needs your confirmation" in reply["choices"][0]["message"]["content"]
    asked = reply["confirmation"]
    assert {name: asked[name] for name in ("method", "host", "path", "arguments", "decisions")} == {
        "method": "POST",
        "host": "api.example.com",
        "path": "/orders",
        "arguments": ORDER,
        "decisions": ["once", "always", "refuse"],
    }
    assert reply["actions"][0]["status"] == "waiting"
    assert shop.order.made == []
    rest = shop.client.post(asked["url"], json={"decision": "once"}).json()
    assert rest["choices"][0]["message"]["content"] == "Order 7 is placed."
    assert rest["actions"][0]["status"] == "done"
    assert "confirmation" not in rest
    (made,) = shop.order.made
    assert made[0] == ORDER


def test_a_stream_tells_each_step_in_chunks_that_any_client_can_read(shop):
    reply = chunks(shop.asks(stream=True).text)
    assert all(chunk["choices"] and chunk["object"] == "chat.completion.chunk" for chunk in reply)
    steps = [chunk["action"] for chunk in reply if "action" in chunk]
    assert [step["status"] for step in steps] == ["started", "arguments", "arguments", "waiting"]
    assert "".join(step.get("delta", "") for step in steps) == json.dumps(ORDER)
    assert reply[-1]["choices"][0]["finish_reason"] == "stop"
    assert reply[-1]["confirmation"]["id"] == next(
        chunk["confirmation"]["id"] for chunk in reply if "confirmation" in chunk
    )
    rest = chunks(shop.decide(reply[-1]["confirmation"]["id"], "once", stream=True).text)
    assert [chunk["action"]["status"] for chunk in rest if "action" in chunk] == ["running", "done"]
    assert (
        "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in rest) == "Order 7 is placed."
    )


def test_a_chat_request_can_carry_the_decision(shop):
    asked = shop.asks().json()["confirmation"]
    body = {"model": "shop", "messages": QUESTION, "confirmation": {"id": asked["id"], "decision": "refuse"}}
    rest = shop.client.post("/v1/chat/completions", json=body).json()
    assert rest["actions"][0]["status"] == "refused"
    assert shop.order.made == []


def test_the_model_is_told_of_a_refusal(shop):
    asked = shop.asks().json()["confirmation"]
    assert shop.decide(asked["id"], "refuse").status_code == 200
    told = shop.here._models["scripted:shop"].chat.heard[1][0][-1].text
    assert told.startswith('<result tool="order" status="refused">')


def test_a_decision_counts_once(shop):
    asked = shop.asks().json()["confirmation"]
    assert shop.decide(asked["id"], "once").status_code == 200
    again = shop.decide(asked["id"], "once")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "confirmation_over")
    assert len(shop.order.made) == 1
    assert shop.client.get(asked["url"]).json()["status"] == "once"


def test_a_question_that_has_expired_does_nothing(shop):
    asked = shop.asks().json()["confirmation"]
    with shop.here.store.database.write() as connection:
        late = now() - timedelta(seconds=1)
        connection.execute(
            update(confirmations).where(confirmations.c.id == asked["id"]).values(expires_at=late)
        )
    assert shop.decide(asked["id"], "once").json()["error"]["code"] == "confirmation_over"
    assert shop.order.made == []
    assert asked["id"] not in [each["id"] for each in shop.client.get("/api/confirmations").json()["data"]]


def test_nobody_else_can_see_or_decide_it(shop):
    asked = shop.asks().json()["confirmation"]
    foreign = shop.here.store.teams.create(slug=f"t-{asked['id'][-8:]}", name="Two")
    for headers in (shop.member(), shop.member(foreign.id)):
        for reply in (
            shop.client.get(asked["url"], headers=headers),
            shop.client.post(asked["url"], json={"decision": "once"}, headers=headers),
        ):
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "confirmation_not_found")
        assert shop.client.get("/api/confirmations", headers=headers).json()["data"] == []
    assert shop.order.made == []


def test_it_belongs_to_its_assistant_and_to_the_version_that_asked(shop):
    asked = shop.asks().json()["confirmation"]
    body = {"model": "other", "messages": QUESTION, "confirmation": {"id": asked["id"], "decision": "once"}}
    assert (
        shop.client.post("/v1/chat/completions", json=body).json()["error"]["code"]
        == "confirmation_not_found"
    )
    change = {"model": "scripted:shop", "instruction": f"Take orders, {asked['id']}."}
    assert shop.client.put("/api/assistants/shop", json=change).status_code == 200
    stale = shop.decide(asked["id"], "once")
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "confirmation_stale")
    assert shop.order.made == []


def test_what_the_tool_would_do_now_must_be_what_was_confirmed(shop):
    asked = shop.asks().json()["confirmation"]
    shop.order.path = "/orders/express"
    assert shop.decide(asked["id"], "once").json()["error"]["code"] == "confirmation_stale"
    assert shop.order.made == []


def test_always_is_remembered_per_member_and_can_be_taken_back(shop):
    asked = shop.asks().json()["confirmation"]
    assert shop.decide(asked["id"], "always").status_code == 200
    assert "confirmation" not in shop.asks().json()
    assert len(shop.order.made) == 2
    shop.says(calls(("order", ORDER)), ["Placed."])
    other = shop.client.post(
        "/v1/chat/completions", json={"model": "shop", "messages": QUESTION}, headers=shop.member()
    )
    assert "confirmation" in other.json()
    (given,) = shop.client.get("/api/approvals").json()["data"]
    assert (given["assistant"], given["operation"]) == ("shop", "order POST api.example.com")
    assert shop.client.delete(f"/api/approvals/{given['id']}").status_code == 204
    assert shop.client.delete(f"/api/approvals/{given['id']}").json()["error"]["code"] == "approval_not_found"
    assert "confirmation" in shop.asks().json()


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Orders, and sells the shop."},
        {
            "parameters": {
                "type": "object",
                "properties": {"item": {"type": "string"}, "all": {"type": "boolean"}},
            }
        },
        {"method": "DELETE"},
        {"host": "other.example.com"},
    ],
)
def test_always_does_not_outlive_the_definition_that_it_was_said_about(shop, change):
    shop.order.text = "Order placed."
    asked = shop.asks().json()["confirmation"]
    assert shop.decide(asked["id"], "always").status_code == 200
    assert "confirmation" not in shop.asks().json()
    for name, value in change.items():
        setattr(shop.order, name, value)
    assert "confirmation" in shop.asks().json()
    for each in shop.client.get("/api/approvals").json()["data"]:
        shop.client.delete(f"/api/approvals/{each['id']}")


def test_a_conversation_keeps_the_turn_and_the_rest_goes_to_its_end(shop):
    reply = shop.asks(conversation="new").json()
    conversation = reply["conversation"]
    (listed,) = shop.client.get("/api/confirmations", params={"conversation": conversation}).json()["data"]
    assert (listed["id"], listed["status"]) == (reply["confirmation"]["id"], "waiting")
    (turn,) = shop.client.get(f"/api/conversations/{conversation}").json()["turns"]
    assert turn["actions"][0]["status"] == "waiting"
    rest = shop.decide(listed["id"], "once").json()
    assert rest["conversation"] == conversation
    (turn,) = shop.client.get(f"/api/conversations/{conversation}").json()["turns"]
    assert turn["id"] == listed["turn"]
    assert turn["answer"].startswith("I will order it.\n\nThis needs your confirmation")
    assert turn["answer"].endswith("\n\nOrder 7 is placed.")
    assert [action["status"] for action in turn["actions"]] == ["done"]


def test_a_deleted_conversation_takes_its_questions_along(shop):
    reply = shop.asks(conversation="new").json()
    assert shop.client.delete(f"/api/conversations/{reply['conversation']}").status_code == 204
    assert (
        shop.decide(reply["confirmation"]["id"], "once").json()["error"]["code"] == "confirmation_not_found"
    )


def test_an_answer_that_holds_text_of_a_deleted_document_does_not_go_on(shop):
    name = "teas.txt"
    document = shop.client.post(
        "/api/assistants/shop/documents",
        files={"file": (name, b"We order two teas of the kind Assam each day.")},
    ).json()
    while shop.client.get(f"/api/assistants/shop/documents/{document['id']}").json()["status"] != "ready":
        pass
    reply = shop.asks().json()
    assert reply["retrieval"]["passages"][0]["document"]["name"] == name
    assert shop.client.delete(f"/api/assistants/shop/documents/{document['id']}").status_code == 200
    assert (
        shop.decide(reply["confirmation"]["id"], "once").json()["error"]["code"] == "confirmation_not_found"
    )
    assert shop.order.made == []


def test_editors_see_each_call_in_the_trace_without_what_came_back(shop):
    asked = shop.asks().json()["confirmation"]
    rest = shop.decide(asked["id"], "once", trace=True).json()
    (call,) = rest["trace"]["calls"]
    assert call["request"] == {"method": "POST", "url": "https://api.example.com/orders"}
    assert (call["http_status"], call["size"]) == (200, 15)
    assert "Order 7 placed" not in json.dumps(rest["trace"])
    assert rest["trace"]["tools_offered"] == ["order"]


def test_the_trace_names_actions_of_the_instruction_file_that_are_not_there(shop):
    named = {"instruction": "---\nactions: [warehouse]\nanswer_from: anything\n---\nTake orders."}
    before = shop.client.get("/api/assistants/shop").json()
    changed = named | {"model": "scripted:shop"}
    assert shop.client.put("/api/assistants/shop", json=changed).status_code == 200
    try:
        notes = shop.asks(trace=True).json()["trace"]["notes"]
        assert any("warehouse" in note for note in notes)
    finally:
        back = {"instruction": before["instruction"], "model": "scripted:shop"}
        assert shop.client.put("/api/assistants/shop", json=back).status_code == 200
    assert not any("warehouse" in note for note in shop.asks(trace=True).json()["trace"]["notes"])


def test_a_decision_that_is_none_is_refused(shop):
    asked = shop.asks().json()["confirmation"]
    reply = shop.decide(asked["id"], "maybe")
    assert (reply.status_code, reply.json()["error"]["param"]) == (422, "decision")


def test_a_decision_is_in_the_audit_log_whichever_wire_it_came_over(shop):
    def decided() -> list[dict[str, Any]]:
        entries = shop.client.get("/api/audit").json()["data"]
        return [each for each in entries if "decision" in each["targets"]]

    before = len(decided())
    over_api = shop.asks().json()["confirmation"]["id"]
    reply = shop.decide(over_api, "once")
    over_chat = shop.asks().json()["confirmation"]["id"]
    said = {"confirmation": {"id": over_chat, "decision": "refuse"}}
    shop.client.post("/v1/chat/completions", json={"model": "shop", "messages": QUESTION} | said)
    over_responses = shop.asks().json()["confirmation"]["id"]
    approval = {
        "type": "mcp_approval_response",
        "approval_request_id": over_responses,
        "approve": True,
    }
    shop.client.post("/v1/responses", json={"model": "shop", "input": [approval]})
    third, second, first, *_ = decided()
    assert len(decided()) == before + 3
    assert first["request"] == reply.headers["x-request-id"]
    assert [
        (each["targets"]["confirmation_id"], each["targets"]["decision"]) for each in (first, second, third)
    ] == [
        (over_api, "once"),
        (over_chat, "refuse"),
        (over_responses, "once"),
    ]
    assert {each["operation"] for each in (first, second, third)} == {
        "POST /api/confirmations/{confirmation_id}"
    }
    assert first["targets"]["tool"] == "order"
    assert set(first["targets"]) == {"assistant", "confirmation_id", "decision", "tool"}


def test_a_decision_is_in_the_log_before_the_call_is_made_and_where_the_answer_then_fails(shop):
    asked = shop.asks().json()["confirmation"]
    shop.says([RuntimeError("the provider is gone")])
    assert shop.decide(asked["id"], "once").status_code >= 500
    newest = shop.client.get("/api/audit").json()["data"][0]
    assert newest["targets"]["confirmation_id"] == asked["id"]


class Runs:
    """The Assistants API over the shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def begins(self) -> dict[str, Any]:
        """A run that waits for a person."""
        self.shop.says(calls(("order", ORDER), text="I will order it."), ["Order 7 is placed."])
        thread = {"messages": [{"role": "user", "content": "Order two teas"}]}
        reply = self.shop.client.post("/v1/threads/runs", json={"assistant_id": "shop", "thread": thread})
        return self.settled(reply.json())

    def settled(self, run: dict[str, Any]) -> dict[str, Any]:
        while run["status"] in ("queued", "in_progress"):
            run = self.shop.client.get(self.address(run)).json()
        return run

    def address(self, run: dict[str, Any]) -> str:
        return f"/v1/threads/{run['thread_id']}/runs/{run['id']}"

    def sends(self, run: dict[str, Any], output: str, **more: Any) -> Any:
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        body = {"tool_outputs": [{"tool_call_id": call["id"], "output": output}]} | more
        return self.shop.client.post(f"{self.address(run)}/submit_tool_outputs", json=body)

    def messages(self, run: dict[str, Any]) -> list[str]:
        found = self.shop.client.get(f"/v1/threads/{run['thread_id']}/messages?order=asc").json()["data"]
        return [each["content"][0]["text"]["value"] for each in found]


@pytest.fixture
def runs(shop: Shop) -> Runs:
    return Runs(shop)


def test_a_run_waits_for_the_person_and_goes_on_with_their_decision(runs):
    run = runs.begins()
    assert run["status"] == "requires_action"
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "order")
    assert json.loads(call["function"]["arguments"]) == ORDER
    assert call["confirmation"]["decisions"] == ["once", "always", "refuse"]
    assert abs(run["expires_at"] - call["confirmation"]["expires_at"]) <= 1
    assert runs.shop.order.made == []
    ended = runs.settled(runs.sends(run, "once").json())
    assert (ended["status"], ended["last_error"]) == ("completed", None)
    assert len(runs.shop.order.made) == 1
    assert runs.messages(run)[-1] == "Order 7 is placed."
    steps = runs.shop.client.get(f"{runs.address(run)}/steps?order=asc").json()["data"]
    called = [each["step_details"].get("tool_calls", [{}])[0] for each in steps]
    called = [each for each in called if each.get("type") == "function"]
    assert [each["function"]["output"] for each in called] == ["once", None]
    assert called[1]["action"]["status"] == "done"
    assert {each["status"] for each in steps} == {"completed"}


def test_a_run_goes_on_when_it_is_decided_where_confirmations_are(runs):
    run = runs.begins()
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    shown = runs.shop.client.get(call["confirmation"]["url"]).json()
    assert shown["run"] == {"id": run["id"], "thread_id": run["thread_id"]}
    reply = runs.shop.decide(call["id"], "refuse").json()
    assert (reply["object"], reply["id"]) == ("thread.run", run["id"])
    assert runs.settled(reply)["status"] == "completed"
    assert runs.shop.order.made == []
    again = runs.shop.decide(call["id"], "once")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "run_not_waiting")


def test_a_run_streams_to_the_decision_and_from_it(runs):
    run = runs.begins()
    lines = runs.sends(run, "once", stream=True).text.splitlines()
    events = [line[7:] for line in lines if line.startswith("event: ")]
    assert events[0] == "thread.run.queued"
    assert events[-2:] == ["thread.run.completed", "done"]
    assert len(runs.shop.order.made) == 1


def test_only_the_very_word_approves_and_only_of_the_one_who_was_asked(runs):
    run = runs.begins()
    for output in ("", "ok", "yes", '{"decision": "once"}'):
        refused = runs.sends(run, output)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_tool_outputs")
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    body = {"tool_outputs": [{"tool_call_id": call["id"], "output": "once"}]}
    address = f"{runs.address(run)}/submit_tool_outputs"
    other = runs.shop.client.post(address, json=body, headers=runs.shop.member())
    assert (other.status_code, other.json()["error"]["code"]) == (404, "thread_not_found")
    said = {"confirmation": {"id": call["id"], "decision": "once"}}
    chat = runs.shop.client.post("/v1/chat/completions", json={"model": "shop", "messages": QUESTION} | said)
    assert (chat.status_code, chat.json()["error"]["code"]) == (409, "confirmation_in_run")
    assert runs.shop.order.made == []
    assert runs.settled(runs.sends(run, "once").json())["status"] == "completed"
