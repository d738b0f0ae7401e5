"""Keys as a team's owner hands them out: scopes, rotation, revocation, and what the audit log says of it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, upload
from tests.journeys.upstream import Upstream

ASSISTANTS = ("drips", "well")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("keys") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:well",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_MODEL_API_KEY="sk-of-the-model",
        ).start()
        with process.client() as owner:
            for slug in ASSISTANTS:
                body = {"slug": slug, "model": f"openai:{slug}", "answer_from": "anything"}
                assert owner.post("/api/assistants", json=body).status_code == 201
            upload(owner, "well", "gates.md", b"# Gates\n\nThe gates open at 05:40.\n")
        yield process
        process.stop()


@pytest.fixture
def owner(service: ServerProcess) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def new_key(owner: httpx.Client, **wanted: Any) -> dict[str, Any]:
    reply = owner.post("/api/keys", json={"name": "k"} | wanted)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def chat(slug: str, **more: Any) -> dict[str, Any]:
    return {"model": slug, "messages": [{"role": "user", "content": "When do the gates open?"}]} | more


def test_for_a_key_with_a_scope_the_other_assistants_do_not_exist(
    service: ServerProcess, owner: httpx.Client
) -> None:
    made = new_key(owner, role="editor", assistants=["well"])
    with service.client(made["secret"]) as scoped:
        assert [card["id"] for card in scoped.get("/v1/models").json()["data"]] == ["well"]
        assert [item["slug"] for item in scoped.get("/api/assistants").json()["data"]] == ["well"]
        assert scoped.post("/v1/chat/completions", json=chat("well")).status_code == 200
        for method, path, body in (
            ("GET", "/v1/models/{}", None),
            ("GET", "/api/assistants/{}", None),
            ("PUT", "/api/assistants/{}", {"name": "Mine"}),
            ("DELETE", "/api/assistants/{}", None),
            ("GET", "/api/assistants/{}/documents", None),
            ("POST", "/api/assistants/{}/search", {"query": "gates"}),
            ("POST", "/v1/chat/completions", chat("{}")),
            ("POST", "/v1/chat/completions", chat("{}@1")),
        ):
            said = [
                scoped.request(
                    method, path.format(slug), json=json.loads(json.dumps(body).replace("{}", slug))
                )
                for slug in ("drips", "nobody")
            ]
            assert said[0].status_code == said[1].status_code == 404, path
            assert said[0].text.replace("drips", "nobody") == said[1].text
        # No way around: a new assistant, or one's own linked to the files of another.
        assert scoped.post("/api/assistants", json={"slug": "mine"}).status_code == 403
        assert scoped.put("/api/assistants/well", json={"knowledge": ["drips"]}).status_code == 404
        assert scoped.put("/api/assistants/well", json={"knowledge": ["well"]}).status_code == 200


def test_a_reading_key_asks_and_changes_nothing(service: ServerProcess, owner: httpx.Client) -> None:
    made = new_key(owner, role="owner", access="read")
    with service.client(made["secret"]) as reader:
        assert reader.post("/v1/chat/completions", json=chat("well")).status_code == 200
        assert reader.post("/api/assistants/well/search", json={"query": "gates"}).status_code == 200
        assert reader.get("/api/keys").status_code == 200
        for method, path, body in (
            ("PUT", "/api/assistants/well", {"name": "Mine"}),
            ("DELETE", "/api/assistants/well", None),
            ("POST", "/api/keys", {"name": "more", "role": "owner"}),
            ("DELETE", f"/api/keys/{made['id']}", None),
        ):
            reply = reader.request(method, path, json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "not_allowed"), path


def test_an_expired_key_is_refused_and_shown_as_expired(service: ServerProcess, owner: httpx.Client) -> None:
    made = new_key(owner, expires_at=1)
    with service.client(made["secret"]) as late:
        assert late.get("/v1/models").status_code == 401
    assert owner.get(f"/api/keys/{made['id']}").json()["state"] == "expired"


def test_a_rotated_key_works_with_both_secrets_and_then_with_the_new_one(
    service: ServerProcess, owner: httpx.Client
) -> None:
    made = new_key(owner)
    turned = owner.post(f"/api/keys/{made['id']}/rotate", json={"overlap_s": 600}).json()
    assert turned["id"] == made["id"]
    with service.client(made["secret"]) as old, service.client(turned["secret"]) as new:
        assert old.get("/v1/models").status_code == new.get("/v1/models").status_code == 200
        owner.post(f"/api/keys/{made['id']}/rotate", json={"overlap_s": 0})
        assert old.get("/v1/models").status_code == new.get("/v1/models").status_code == 401
    shown = owner.get(f"/api/keys/{made['id']}").json()
    assert shown["last_used_at"]
    assert "secret" not in shown


@pytest.mark.parametrize("how", ["key", "session"])
def test_a_running_stream_ends_with_an_error_when_its_key_is_revoked(
    service: ServerProcess, owner: httpx.Client, how: str
) -> None:
    made = new_key(owner)
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as holder:
        if how == "key":
            holder.headers["Authorization"] = f"Bearer {made['secret']}"
        else:
            assert holder.post("/api/session", json={"token": made["secret"]}).status_code == 204
        with holder.stream("POST", "/v1/chat/completions", json=chat("drips", stream=True)) as reply:
            lines = (line for line in reply.iter_lines() if line)
            assert "drip" in next(line for line in lines if "drip " in line)
            assert owner.delete(f"/api/keys/{made['id']}").json()["state"] == "revoked"
            revoked_at, rest = time.monotonic(), list(lines)
        assert rest[-1] == "data: [DONE]"
        assert json.loads(rest[-2].removeprefix("data: "))["error"]["code"] == "credential_revoked"
        assert len(rest) < 100, "the stream went on"
        assert time.monotonic() - revoked_at < 10  # it would have gone on for a minute
        assert holder.post("/v1/chat/completions", json=chat("well")).status_code == 401


def test_the_audit_log_says_who_did_what_and_holds_no_secret(owner: httpx.Client) -> None:
    made = new_key(owner, name="Confidential name")
    owner.delete(f"/api/keys/{made['id']}")
    newest = owner.get("/api/audit", params={"limit": 2}).json()["data"]
    assert [entry["operation"] for entry in newest] == ["DELETE /api/keys/{key_id}", "POST /api/keys"]
    assert newest[0]["targets"] == {"id": made["id"], "key_id": made["id"]}
    assert newest[1]["targets"] == {"id": made["id"]}
    assert newest[0]["actor"].startswith("key:key_")
    assert newest[0]["previous"] == newest[1]["hash"]
    whole = owner.get("/api/audit/export").text
    assert made["secret"] not in whole
    assert "Confidential" not in whole
    lines = [json.loads(line) for line in whole.splitlines()]
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert "POST /v1/chat/completions" not in {line["operation"] for line in lines}
