"""Actions over the API: a real application and database, a real API on the other side."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.model import Model
from service.records import Role
from service.scripted import ScriptedChatModel, calls
from service.store.tables import actions
from tests.service.actions.conftest import Doumi
from tests.service.actions.outside import API_KEY, OutsideProcess

NOTES = Path(__file__).with_name("outside.yaml").read_text()
WEATHER = (Path(__file__).parents[3] / "instructions" / "examples" / "actions" / "weather.yaml").read_text()
HEADER = {"type": "api_key", "parameter": "X-API-Key", "key": API_KEY}


def run(doumi: Doumi, slug: str, operation: str, arguments: Any = None, **as_: Any) -> Any:
    address = f"/api/assistants/{slug}/actions/notes/operations/{operation}/run"
    return doumi.client.post(address, json={"arguments": arguments or {}}, **as_)


def error(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_document_is_imported_with_its_operations(doumi: Doumi, outside: OutsideProcess) -> None:
    action = doumi.made("imports", spec=NOTES, server=outside.url)
    assert (action["name"], action["title"], action["origins"]) == (
        "outside-notes",
        "Outside notes",
        [outside.url],
    )
    assert [each["name"] for each in action["operations"]][:3] == ["listNotes", "addNote", "echo"]
    assert [each["consequential"] for each in action["operations"]][:3] == [False, True, False]
    assert action["schemes"][0] | {} == {
        "name": "key",
        "type": "api_key",
        "where": "header",
        "parameter": "X-API-Key",
        "authorization_url": None,
        "token_url": None,
        "scopes": [],
    }
    listed = doumi.client.get("/api/assistants/imports/actions").json()["data"]
    assert [(each["id"], len(each["operations"])) for each in listed] == [(action["id"], 7)]


def test_a_document_is_imported_from_its_address(doumi: Doumi, outside: OutsideProcess) -> None:
    action = doumi.made("by-address", name="notes", url=f"{outside.url}/spec.yaml")
    assert action["source_url"] == f"{outside.url}/spec.yaml"
    assert action["operations"][0]["host"] == outside.url  # its server is relative


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/openapi.yaml", "http://127.0.0.1:1/a", "file:///etc/passwd"]
)
def test_an_address_inside_is_not_fetched(doumi: Doumi, url: str) -> None:
    reply = doumi.client.post(doumi.assistant("inside"), json={"url": url})
    assert error(reply) == (502, "tool_call_failed")
    assert "was not sent" in reply.json()["error"]["message"]
    assert doumi.client.get("/api/assistants/inside/actions").json()["data"] == []


def test_a_broken_document_says_where(doumi: Doumi) -> None:
    reply = doumi.client.post(
        doumi.assistant("broken"), json={"spec": "openapi: 3.1.0\npaths: { /a: { get: 5 } }"}
    )
    assert error(reply) == (400, "invalid_spec")
    assert reply.json()["error"]["message"].startswith("#/paths/~1a/get (line 2)")


@pytest.mark.parametrize(
    "auth",
    [
        HEADER,
        {"type": "api_key", "where": "query", "parameter": "api_key", "key": API_KEY},
        {"type": "api_key", "where": "cookie", "parameter": "api_key", "key": API_KEY},
        {"type": "bearer", "token": API_KEY},
        {"type": "api_key", "parameter": "Authorization", "prefix": "Bearer ", "key": API_KEY},
    ],
    ids=lambda auth: f"{auth['type']}-{auth.get('where', '')}-{auth.get('prefix', '')}",
)
def test_credentials_open_the_api_and_are_shown_nowhere(
    doumi: Doumi, outside: OutsideProcess, auth: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    slug = f"key-{abs(hash(str(auth)))}"
    made = doumi.client.post(
        doumi.assistant(slug), json={"name": "notes", "spec": NOTES, "server": outside.url, "auth": auth}
    )
    reply = run(doumi, slug, "listNotes")
    assert reply.json()["response"]["status"] == 200
    assert reply.json()["request"]["signed"] is True
    echoed = run(doumi, slug, "echo", {"place": "/a b", "words": ["x", "y"]})
    heard = json.loads(echoed.json()["response"]["text"])
    assert (heard["path"], heard["query"].split("&")[:2]) == ("/echo/%2Fa%20b", ["words=x", "words=y"])
    assert API_KEY in str(outside.seen())
    with doumi.here.store.database.read() as connection:
        stored = str(list(connection.execute(select(actions))))
    shown = doumi.client.get(f"/api/assistants/{slug}/actions/notes")
    for text in (
        made.text,
        reply.text,
        echoed.text,
        shown.text,
        stored,
        caplog.text,
        repr(doumi.here.accounts),
    ):
        assert API_KEY not in text


def test_basic_credentials_are_user_and_password(doumi: Doumi, outside: OutsideProcess) -> None:
    auth = {"type": "basic", "username": "mina", "password": "pässwörd"}
    doumi.made("basic", name="notes", spec=NOTES, server=outside.url, auth=auth)
    run(doumi, "basic", "echo", {"place": "x"})
    (heard,) = outside.seen()
    assert heard["headers"]["authorization"] == "Basic bWluYTpww6Rzc3fDtnJk"


def test_an_operation_that_takes_no_credentials_gets_none(doumi: Doumi, outside: OutsideProcess) -> None:
    doumi.made("anonymous", name="notes", spec=NOTES, server=outside.url, auth=HEADER)
    reply = run(doumi, "anonymous", "fail", {"status": 418}).json()
    assert (reply["response"]["status"], reply["request"]["signed"]) == (418, False)
    (heard,) = outside.seen()
    assert "x-api-key" not in heard["headers"]


def test_a_preview_shows_the_exact_request_and_sends_nothing(doumi: Doumi, outside: OutsideProcess) -> None:
    doumi.made("preview", name="notes", spec=NOTES, server=outside.url, auth=HEADER)
    address = "/api/assistants/preview/actions/notes/operations/addNote/preview"
    reply = doumi.client.post(address, json={"arguments": {"body": {"text": "오늘"}}}).json()
    assert reply["method"] == "POST"
    assert reply["url"] == f"{outside.url}/notes"
    assert reply["headers"]["Content-Type"] == "application/json"
    assert (reply["body"], reply["signed"]) == ('{"text": "오늘"}', True)
    assert outside.seen() == []


@pytest.mark.parametrize(
    ("operation", "arguments", "said"),
    [
        ("echo", {}, "'place' is a required property"),
        ("echo", {"place": 5}, "place: 5 is not of type 'string'"),
        ("echo", {"place": "x", "more": 1}, "'more' was unexpected"),
        ("echo", {"place": ".."}, "lead somewhere else"),
        ("addNote", {"body": {"text": "x" * 201}}, "body.text: .* is too long"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_their_place(
    doumi: Doumi, outside: OutsideProcess, operation: str, arguments: Any, said: str
) -> None:
    doumi.client.post(doumi.assistant("fit"), json={"name": "notes", "spec": NOTES, "server": outside.url})
    reply = run(doumi, "fit", operation, arguments)
    assert error(reply) == (400, "invalid_arguments")
    assert __import__("re").search(said, reply.json()["error"]["message"])
    assert outside.seen() == []


def test_editors_switch_operations_off_and_ask_for_confirmation(
    doumi: Doumi, outside: OutsideProcess
) -> None:
    doumi.made("choices", name="notes", spec=NOTES, server=outside.url)
    address = "/api/assistants/choices/actions/notes"
    choice = {"echo": {"consequential": True}, "huge": {"enabled": False}}
    changed = doumi.client.put(address, json={"operations": choice}).json()
    said = {each["name"]: (each["enabled"], each["consequential"]) for each in changed["operations"]}
    assert (said["echo"], said["huge"], said["addNote"]) == ((True, True), (False, False), (True, True))
    assert (
        error(doumi.client.put(address, json={"operations": {"nothing": {"enabled": False}}}))[1]
        == "operation_not_found"
    )
    secret = doumi.client.headers["Authorization"].removeprefix("Bearer ")
    caller = doumi.here.store.credentials.caller_of_key(secret)
    assert caller is not None
    names = [
        tool.name for tool in doumi.here.tools(caller, doumi.here.store.assistants.get(doumi.team, "choices"))
    ]
    assert names[:3] == ["listNotes", "addNote", "echo"]
    assert "huge" not in names


def test_a_new_document_keeps_credentials_only_where_they_go_nowhere_new(
    doumi: Doumi, outside: OutsideProcess
) -> None:
    doumi.made("moving", name="notes", spec=NOTES, server=outside.url, auth=HEADER)
    address = "/api/assistants/moving/actions/notes"
    same = doumi.client.put(address, json={"spec": NOTES.replace("List the notes", "All notes")}).json()
    assert same["auth"]["type"] == "api_key"
    moved = doumi.client.put(address, json={"server": "https://elsewhere.example.com"}).json()
    assert moved["auth"] == {"type": "none"}


def test_credentials_do_not_go_over_plain_http(doumi: Doumi) -> None:
    body = {"name": "notes", "spec": NOTES, "server": "http://api.example.com", "auth": HEADER}
    reply = doumi.client.post(doumi.assistant("plain"), json=body)
    assert error(reply) == (400, "invalid_credentials")
    assert doumi.client.get("/api/assistants/plain/actions").json()["data"] == []  # whole or not at all


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "api_key", "parameter": "X-Key"},
        {"type": "api_key", "parameter": "Host", "key": "k1234"},
        {"type": "api_key", "parameter": "X\r\nY", "key": "k1234"},
        {"type": "bearer", "token": "a\r\nX-Evil: 1"},
        {"type": "oauth_code", "client_id": "c", "client_secret": "s", "token_url": "ftp://x"},
        {"type": "basic", "username": "u"},
    ],
    ids=str,
)
def test_credentials_that_cannot_be_sent_are_refused(
    doumi: Doumi, outside: OutsideProcess, auth: Any
) -> None:
    body = {"name": "notes", "spec": NOTES, "server": outside.url, "auth": auth}
    assert error(doumi.client.post(doumi.assistant("unsendable"), json=body)) == (400, "invalid_credentials")


def test_actions_of_another_team_do_not_exist(doumi: Doumi, outside: OutsideProcess) -> None:
    action = doumi.made("walled", name="notes", spec=NOTES, server=outside.url)
    foreign = doumi.here.store.teams.create(slug="foreign", name="Foreign").id
    headers = doumi.key(team=foreign)
    doumi.client.post("/api/assistants", json={"slug": "walled", "instruction": "x"}, headers=headers)
    for name in (action["id"], "notes"):
        reply = doumi.client.get(f"/api/assistants/walled/actions/{name}", headers=headers)
        assert error(reply) == (404, "action_not_found")
    assert doumi.client.get(f"/oauth/connect/{action['id']}", headers=headers).status_code == 404


def test_viewers_neither_change_nor_try_actions(doumi: Doumi, outside: OutsideProcess) -> None:
    doumi.made("viewed", name="notes", spec=NOTES, server=outside.url)
    viewer = {"headers": doumi.key(Role.VIEWER)}
    address = "/api/assistants/viewed/actions/notes"
    tries = [
        doumi.client.get(address, **viewer),
        doumi.client.put(address, json={}, **viewer),
        doumi.client.delete(address, **viewer),
        doumi.client.post(f"{address}/operations/echo/preview", json={}, **viewer),
        run(doumi, "viewed", "echo", {"place": "x"}, **viewer),
    ]
    assert [reply.status_code for reply in tries] == [403] * 5


def test_a_deleted_action_is_gone_with_its_name(doumi: Doumi, outside: OutsideProcess) -> None:
    doumi.made("deleted", name="notes", spec=NOTES, server=outside.url, auth=HEADER)
    again = {"name": "notes", "spec": NOTES, "server": outside.url}
    assert error(doumi.client.post("/api/assistants/deleted/actions", json=again)) == (409, "name_taken")
    assert doumi.client.delete("/api/assistants/deleted/actions/notes").status_code == 204
    assert error(run(doumi, "deleted", "echo"))[0] == 404
    doumi.made("deleted", **again)


@pytest.mark.parametrize(
    ("operation", "arguments", "status", "said"),
    [
        ("redirect", {"to": "http://169.254.169.254/"}, 302, None),
        ("picture", {}, 200, None),
        ("fail", {"status": 500}, 500, "It does not work today."),
    ],
)
def test_what_came_back_is_shown_as_it_is(
    doumi: Doumi, outside: OutsideProcess, operation: str, arguments: Any, status: int, said: str | None
) -> None:
    doumi.client.post(doumi.assistant("shows"), json={"name": "notes", "spec": NOTES, "server": outside.url})
    response = run(doumi, "shows", operation, arguments).json()["response"]
    assert response["status"] == status
    assert said is None or said in response["text"]
    assert len(outside.seen()) == 1


# In an answer


def test_the_weather_example_answers_from_its_api(doumi: Doumi, outside: OutsideProcess) -> None:
    instruction = "---\nmodel: scripted:weather\nanswer_from: anything\n---\nYou are a weather desk."
    doumi.client.post("/api/assistants", json={"slug": "weather", "instruction": instruction})
    doumi.made("weather", name="weather", spec=WEATHER, server=outside.url)
    point = {"latitude": 51.92, "longitude": 4.48, "timezone": "auto"}
    script = [
        calls(("findPlace", {"name": "Rotterdam"})),
        calls(("getForecast", point)),
        ["Take an umbrella: 85 percent."],
    ]
    chat = ScriptedChatModel(script=[list(each) for each in script])
    doumi.here._models["scripted:weather"] = Model(name="scripted:weather", chat=chat, retries=0)
    body = {
        "model": "weather",
        "messages": [{"role": "user", "content": "Do I need an umbrella in Rotterdam?"}],
    }
    reply = doumi.client.post("/v1/chat/completions", json=body).json()
    assert reply["choices"][0]["message"]["content"] == "Take an umbrella: 85 percent."
    first, second = outside.seen()
    assert (first["path"], first["query"]) == ("/v1/search", "name=Rotterdam&count=3&language=en")
    assert second["query"].startswith(
        "latitude=51.92&longitude=4.48&timezone=auto&forecast_days=7&current=temperature_2m%2C"
    )
    assert "precipitation_probability_max" in str(chat.heard[-1][0])


def test_a_huge_answer_is_cut_for_the_model(doumi: Doumi, outside: OutsideProcess) -> None:
    instruction = "---\nmodel: scripted:huge\nanswer_from: anything\n---\nAnswer."
    doumi.client.post("/api/assistants", json={"slug": "huge", "instruction": instruction})
    doumi.made("huge", name="notes", spec=NOTES, server=outside.url)
    secret = doumi.client.headers["Authorization"].removeprefix("Bearer ")
    caller = doumi.here.store.credentials.caller_of_key(secret)
    assert caller is not None
    assistant = doumi.here.store.assistants.get(doumi.team, "huge")
    tool = next(each for each in doumi.here.tools(caller, assistant) if each.name == "huge")
    from service.tools import CallContext, ToolResult

    async def call() -> ToolResult:
        return await tool.call({}, CallContext(team=doumi.team, member=caller.member, assistant=assistant.id))

    assert doumi.client.portal is not None
    result = doumi.client.portal.call(call)
    assert result.ok
    assert result.text.endswith("\n[The answer is longer; it was cut after 100,000 characters.]")
    assert result.size < 1_000_000
