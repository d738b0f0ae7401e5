"""OAuth against a real server, through the routes and the tool that an answer calls."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from service.actions.offered import tools_of_actions
from service.records import Role
from service.store.tables import action_accounts, action_sign_ins, actions
from service.tools import CallContext, ToolNeedsSignIn, ToolResult
from tests.service.actions.conftest import Doumi
from tests.service.actions.oauth_server import CLIENT_ID, CLIENT_SECRET
from tests.service.actions.outside import OutsideProcess

# As a GPT Action writes it: nothing in it was made for Doumi.
GPT_ACTION = """
openapi: 3.1.0
info: { title: Orders, version: v1 }
servers: [{ url: "%s" }]
paths:
  /me:
    get: { operationId: whoAmI, summary: Who I am., responses: { "200": { description: Me. } } }
  /orders:
    post:
      operationId: placeOrder
      x-openai-isConsequential: true
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, properties: { item: { type: string } } } } }
      responses: { "201": { description: Done. } }
components:
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        authorizationCode: { authorizationUrl: "%s/authorize", tokenUrl: "%s/token", scopes: { read: Read. } }
"""


def spec(provider: OutsideProcess) -> str:
    return GPT_ACTION % ((provider.url,) * 3)


def auth(provider: OutsideProcess, kind: str = "oauth_code", **more: Any) -> dict[str, Any]:
    ends = {"token_url": f"{provider.url}/token"}
    if kind == "oauth_code":
        ends["authorization_url"] = f"{provider.url}/authorize"
    return {
        "type": kind,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": ["read"],
        **ends,
        **more,
    }


@pytest.fixture(autouse=True)
def state(provider: OutsideProcess) -> None:
    httpx.post(f"{provider.url}/state", json={"lifetime": 3600}, trust_env=False)
    provider.seen()


@pytest.fixture
def orders(doumi: Doumi, provider: OutsideProcess, request: pytest.FixtureRequest) -> str:
    """The address of an action with OAuth."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name)[-50:].strip("-")
    doumi.made(slug, name="orders", spec=spec(provider), auth=auth(provider))
    return f"/api/assistants/{slug}/actions/orders"


def consent(url: str) -> dict[str, str]:
    """What the outside service sends the browser back with."""
    reply = httpx.get(url, trust_env=False)
    assert reply.status_code == 302, reply.text
    assert urlsplit(reply.headers["location"]).path == "/oauth/callback"
    return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}


def connect(doumi: Doumi, orders: str, *, login: str = "mina", **as_: Any) -> None:
    url = doumi.client.post(f"{orders}/connect", **as_).json()["url"]
    reply = doumi.client.get("/oauth/finish", params=consent(f"{url}&login={login}"), **as_)
    assert "is connected" in reply.text, reply.text


def run(doumi: Doumi, orders: str, operation: str = "whoAmI", arguments: Any = None, **as_: Any) -> Any:
    body = {"arguments": arguments or {}}
    return doumi.client.post(f"{orders}/operations/{operation}/run", json=body, **as_)


def everything_stored(doumi: Doumi) -> str:
    with doumi.here.store.database.read() as connection:
        return str(
            [
                list(connection.execute(table.select()))
                for table in (actions, action_accounts, action_sign_ins)
            ]
        )


def test_a_gpt_action_works_from_consent_to_call(doumi: Doumi, provider: OutsideProcess, orders: str) -> None:
    before = run(doumi, orders)
    assert before.status_code == 502
    assert "Connect your account of orders first" in before.json()["error"]["message"]
    connect(doumi, orders)
    reply = run(doumi, orders).json()
    assert reply["request"]["signed"] is True
    assert json.loads(reply["response"]["text"]) == {"user": "mina", "scope": "read", "heard": "[credential]"}
    placed = run(doumi, orders, "placeOrder", {"body": {"item": "tea"}}).json()["response"]
    assert (placed["status"], json.loads(placed["text"])) == (201, {"for": "mina", "item": "tea"})
    assert doumi.client.get(orders).json()["connected"] is True


def test_the_code_is_bound_by_pkce(doumi: Doumi, provider: OutsideProcess, orders: str) -> None:
    url = doumi.client.post(f"{orders}/connect").json()["url"]
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{doumi.here.settings.url}/oauth/callback"]
    doumi.client.get("/oauth/finish", params=consent(url))
    (heard,) = provider.seen()
    assert "code_verifier" in heard["fields"]


def test_each_member_calls_with_their_own_account(doumi: Doumi, orders: str) -> None:
    other = {"headers": doumi.key(Role.EDITOR)}
    connect(doumi, orders, login="mina")
    assert run(doumi, orders, **other).status_code == 502
    connect(doumi, orders, login="jun", **other)
    users = [json.loads(run(doumi, orders, **who).json()["response"]["text"])["user"] for who in ({}, other)]
    assert users == ["mina", "jun"]


def test_a_viewer_connects_their_own_account_and_sees_nothing_of_the_action(
    doumi: Doumi, orders: str
) -> None:
    viewer = {"headers": doumi.key(Role.VIEWER)}
    connect(doumi, orders, **viewer)
    (seen,) = doumi.client.get(orders.removesuffix("/orders"), **viewer).json()["data"]
    assert (seen["connected"], seen["auth"], seen["operations"]) == (True, {"type": "oauth_code"}, [])
    assert doumi.client.delete(f"{orders}/connect", **viewer).status_code == 204
    assert run(doumi, orders).status_code == 502


def test_a_consent_serves_once_and_only_who_began_it(doumi: Doumi, orders: str) -> None:
    url = doumi.client.post(f"{orders}/connect").json()["url"]
    back = consent(url)
    stranger = doumi.client.get("/oauth/finish", params=back, headers=doumi.key())
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (400, "unknown_consent")
    foreign = doumi.here.store.teams.create(
        slug=f"t{len(back['state'])}{back['state'][:6].lower()}", name="T"
    ).id
    assert doumi.client.get("/oauth/finish", params=back, headers=doumi.key(team=foreign)).status_code == 400
    assert "is connected" in doumi.client.get("/oauth/finish", params=back).text
    assert doumi.client.get("/oauth/finish", params=back).status_code == 400


def test_a_forged_state_is_refused_before_anything_is_asked(doumi: Doumi, provider: OutsideProcess) -> None:
    reply = doumi.client.get("/oauth/finish", params={"state": "x" * 43, "code": "abc"})
    assert reply.json()["error"]["code"] == "unknown_consent"
    assert provider.seen() == []


def test_the_callback_leads_on_without_running_anything(doumi: Doumi) -> None:
    reply = doumi.client.get(
        "/oauth/callback", params={"state": '"><script>', "code": "c&d"}, headers={"Authorization": ""}
    )
    assert reply.status_code == 200
    assert "<script>" not in reply.text
    assert "/oauth/finish?state=%22%3E%3Cscript%3E&amp;code=c%26d" in reply.text


def test_a_token_that_ended_is_refreshed(doumi: Doumi, provider: OutsideProcess, orders: str) -> None:
    httpx.post(f"{provider.url}/state", json={"lifetime": 1}, trust_env=False)
    connect(doumi, orders)
    httpx.post(f"{provider.url}/state", json={"lifetime": 3600}, trust_env=False)
    assert run(doumi, orders).json()["response"]["status"] == 200
    assert run(doumi, orders).json()["response"]["status"] == 200
    assert [each["grant"] for each in provider.seen()] == ["authorization_code", "refresh_token"]


def test_a_token_that_is_refused_is_renewed_and_the_call_made_again(
    doumi: Doumi, provider: OutsideProcess, orders: str
) -> None:
    connect(doumi, orders)
    httpx.post(f"{provider.url}/state", json={"forget": "access"}, trust_env=False)
    assert run(doumi, orders).json()["response"]["status"] == 200


def test_an_account_that_was_revoked_outside_asks_for_a_new_consent(
    doumi: Doumi, provider: OutsideProcess, orders: str
) -> None:
    connect(doumi, orders)
    httpx.post(f"{provider.url}/state", json={"forget": "all"}, trust_env=False)
    assert "Connect your account" in run(doumi, orders).json()["error"]["message"]
    assert doumi.client.get(orders).json()["connected"] is False


def test_many_calls_at_once_refresh_once(doumi: Doumi, provider: OutsideProcess, orders: str) -> None:
    httpx.post(f"{provider.url}/state", json={"lifetime": 1}, trust_env=False)
    connect(doumi, orders)
    httpx.post(f"{provider.url}/state", json={"lifetime": 3600}, trust_env=False)
    here, client = doumi.here, doumi.client
    assistant = here.store.assistants.get(doumi.team, orders.split("/")[3])
    (tool, _) = here.tools(_caller(doumi), assistant)
    context = CallContext(team=doumi.team, member=_caller(doumi).member, assistant=assistant.id)

    async def five() -> list[ToolResult]:
        return await asyncio.gather(*(tool.call({}, context) for _ in range(5)))

    assert client.portal is not None
    assert [result.status for result in client.portal.call(five)] == [200] * 5
    assert [each["grant"] for each in provider.seen()].count("refresh_token") == 1


def _caller(doumi: Doumi) -> Any:
    secret = doumi.client.headers["Authorization"].removeprefix("Bearer ")
    return doumi.here.store.credentials.caller_of_key(secret)


def test_a_tool_says_where_to_sign_in(doumi: Doumi, orders: str) -> None:
    here = doumi.here
    assistant = here.store.assistants.get(doumi.team, orders.split("/")[3])
    found = here.store.actions.of_assistant(doumi.team, assistant.id)
    tool = next(each for each in tools_of_actions(found, here.accounts) if each.name == "whoAmI")
    context = CallContext(team=doumi.team, member="mem_nobody", assistant=assistant.id)

    async def call() -> ToolResult:
        return await tool.call({}, context)

    assert doumi.client.portal is not None
    with pytest.raises(ToolNeedsSignIn) as raised:
        doumi.client.portal.call(call)
    path = urlsplit(raised.value.url).path
    there = doumi.client.get(path, follow_redirects=False)
    assert there.status_code == 303
    assert "/authorize?" in there.headers["location"]


def test_the_team_has_one_account_with_client_credentials(doumi: Doumi, provider: OutsideProcess) -> None:
    doumi.made(
        "machines",
        name="orders",
        spec=spec(provider),
        auth=auth(provider, "oauth_client", client_auth="post"),
    )
    for who in ({}, {"headers": doumi.key(Role.EDITOR)}):
        reply = run(doumi, "/api/assistants/machines/actions/orders", **who).json()
        assert json.loads(reply["response"]["text"])["user"] == "the team"
    assert [each["grant"] for each in provider.seen()] == ["client_credentials"]


def test_a_wrong_secret_is_said_without_saying_it(doumi: Doumi, provider: OutsideProcess) -> None:
    wrong = auth(provider, "oauth_client", client_secret="wrong-secret-123")
    doumi.made("wrong", name="orders", spec=spec(provider), auth=wrong)
    reply = run(doumi, "/api/assistants/wrong/actions/orders")
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "tool_call_failed")
    assert "invalid_client" in reply.json()["error"]["message"]
    assert "wrong-secret-123" not in reply.text


def test_nothing_that_is_stored_shows_a_secret(doumi: Doumi, provider: OutsideProcess, orders: str) -> None:
    connect(doumi, orders)
    url = doumi.client.post(f"{orders}/connect").json()["url"]
    stored = everything_stored(doumi)
    assert CLIENT_ID in stored
    assert CLIENT_SECRET not in stored
    assert parse_qs(urlsplit(url).query)["state"][0] not in stored


def test_new_credentials_end_the_accounts_of_the_old(
    doumi: Doumi, provider: OutsideProcess, orders: str
) -> None:
    connect(doumi, orders)
    doumi.client.put(orders, json={"auth": auth(provider, scopes=["write"])})
    assert doumi.client.get(orders).json()["connected"] is False
