"""Every operation of the OpenAPI document, called by one team with the ids of another.

The list of operations is the document's own, so a new route is in it the moment it exists. A route that
this file does not know how to call fails it: add what it needs to `furnish`, `BODIES` or `KNOWN`.
"""

import itertools
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.auditing import is_change
from service.store.engine import now
from tests.journeys.server import ServerProcess, ask, upload

ADMIN = "sk-doumi-admin-for-every-operation"
HARMLESS = {"number": "1"}  # parameters of paths that are no ids
ID_QUERIES = {"after", "before", "assistant", "conversation", "starting_after", "confirm"}

SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {"/orders": {"get": {"operationId": "OPERATION", "responses": {"200": {"description": "ok"}}}}},
}

# What is sent where the example of the document is not enough. Names in braces are ids: of the caller's own
# team, of the other, or of nobody.
BODIES: dict[str, list[dict[str, Any]]] = {
    "POST /api/assistants/{slug}/mcp-servers": [{"name": "notes", "url": "https://mcp.example/mcp"}],
    "PUT /api/assistants/{slug}/mcp-servers/{server}": [{"trust_hints": False}],
    "POST /v1/chat/completions": [
        {"model": "{slug}", "messages": [{"role": "user", "content": "What is the word?"}]},
        {"model": "{slug}@1", "messages": [{"role": "user", "content": "What is the word?"}]},
        {
            "model": "{own_slug}",
            "conversation": "{conversation_id}",
            "messages": [{"role": "user", "content": "What is the word?"}],
        },
    ],
    "POST /v1/responses": [
        {"model": "{slug}", "input": "What is the word?"},
        {"model": "{own_slug}", "input": "And then?", "previous_response_id": "{response_id}"},
        {"model": "{own_slug}", "input": "And then?", "conversation": "{v1_conversation_id}"},
        {
            "model": "{own_slug}",
            "input": "What is the word?",
            "tools": [{"type": "file_search", "vector_store_ids": ["{vector_store_id}"]}],
        },
    ],
    "POST /v1/conversations": [{"metadata": {"a": "b"}}, {"model": "{slug}"}],
    "POST /v1/uploads/{upload_id}/complete": [{"part_ids": ["{part_id}"]}],
    "POST /v1/vector_stores": [{"name": "Store", "file_ids": ["{file_id}"]}],
    "POST /v1/vector_stores/{vector_store_id}/files": [{"file_id": "{file_id}"}],
    "POST /v1/vector_stores/{vector_store_id}/file_batches": [
        {"file_ids": ["{file_id}"]},
        {"files": [{"file_id": "{file_id}"}]},
    ],
    "POST /v1/vector_stores/{vector_store_id}/search": [{"query": "What is the word?"}],
    "POST /v1/embeddings": [{"model": "{embedder}", "input": "word"}],
    "POST /v1/assistants": [
        {"model": "any", "name": "Copy"},
        {
            "model": "any",
            "tools": [{"type": "file_search"}],
            "tool_resources": {"file_search": {"vector_store_ids": ["{vector_store_id}"]}},
        },
    ],
    "POST /v1/threads": [
        {"messages": [{"role": "user", "content": "The word?"}]},
        {"tool_resources": {"file_search": {"vector_store_ids": ["{vector_store_id}"]}}},
        {
            "messages": [
                {
                    "role": "user",
                    "content": "The word?",
                    "attachments": [{"file_id": "{file_id}", "tools": [{"type": "file_search"}]}],
                }
            ]
        },
    ],
    "POST /v1/threads/{thread_id}/messages": [
        {"role": "user", "content": "And then?"},
        {
            "role": "user",
            "content": "The word?",
            "attachments": [{"file_id": "{file_id}", "tools": [{"type": "file_search"}]}],
        },
    ],
    "POST /v1/threads/runs": [
        {"assistant_id": "{assistant_id}", "thread": {"messages": [{"role": "user", "content": "The word?"}]}}
    ],
    "POST /v1/threads/{thread_id}/runs": [{"assistant_id": "{assistant_id}"}],
    "POST /v1/threads/{thread_id}": [{"metadata": {"a": "b"}}],
    "POST /api/assistants/{slug}/actions": [{"spec": json.dumps(SPEC), "name": "{fresh}"}],
    "POST /api/assistants/{slug}/actions/{action}/operations/{operation}/preview": [{"arguments": {}}],
    "POST /api/assistants/{slug}/actions/{action}/operations/{operation}/run": [{"arguments": {}}],
    "PUT /api/assistants/{slug}/actions/{action}": [{"operations": {}}],
    "POST /api/assistants": [{"slug": "{fresh}"}, {"slug": "{fresh}", "knowledge": ["{base}"]}],
    "POST /api/knowledge-bases": [{"slug": "{fresh}"}],
    "PUT /api/assistants/{slug}": [{"name": "Changed"}, {"knowledge": ["{own_slug}", "{base}"]}],
    "PATCH /api/knowledge-bases/{base}": [{"name": "Renamed"}],
    "POST /api/keys": [{"name": "k"}, {"name": "k", "assistants": ["{slug}"]}],
    "PUT /api/team": [{"retention_days": 3650}],
    "PUT /api/budgets": [
        {"of": "member", "target": "{member_id}", "tokens_per_day": 10**9},
        {"of": "assistant", "target": "{slug}", "tokens_per_day": 10**9},
        {"of": "key", "target": "{key_id}", "tokens_per_day": 10**9},
    ],
    "PUT /api/session": [{"team": "{team_slug}"}],
    "POST /api/session": [{"token": "not-a-token"}],
}

# Where even the right ids are refused, because of what was done before or of who asks; with the status.
KNOWN: dict[str, int] = {
    "PUT /api/session": 404,  # a key belongs to one team
    "POST /api/session": 401,
    "POST /api/account": 409,  # a key is no person
    "PUT /api/account/password": 409,
    "POST /api/account/reset": 400,  # needs a link
    "POST /api/join": 404,
    "POST /api/join/look": 404,
    "POST /api/confirmations/{confirmation_id}": 409,  # nothing stands behind the one that is made here
    "POST /v1/uploads/{upload_id}/parts": 400,  # all of it is there already
    "POST /v1/uploads/{upload_id}/cancel": 400,  # it is complete by then
    "POST /v1/responses/{response_id}/cancel": 400,  # only those in the background
    "POST /v1/threads/{thread_id}/runs/{run_id}/cancel": 400,  # it has ended
    "POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs": 400,
    "POST /api/assistants/{slug}/actions/{action}/operations/{operation}/run": 502,  # nobody is there
    "POST /api/assistants/{slug}/mcp-servers": 502,
    "POST /api/assistants/{slug}/mcp-servers/{server}/tools/{tool}/run": 502,
    "POST /api/assistants/{slug}/actions/{action}/connect": 409,  # this action needs no account
    "DELETE /api/sessions/{session_id}": 404,  # a session of another member of the team
}
COUNT = itertools.count()
FOR_ADMINISTRATORS = "/api/admin/"


@dataclass
class Tenant:
    """A team with one of everything, and what it was told."""

    client: httpx.Client
    word: str
    ids: dict[str, str] = field(default_factory=dict)
    markers: set[str] = field(default_factory=set)  # what no other team may ever read


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    queries: tuple[str, ...]
    example: dict[str, Any] | None
    multipart: dict[str, Any] | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return [name for name in re.findall(r"{(\w+)}", self.path) if name not in HARMLESS]

    @property
    def bodies(self) -> list[dict[str, Any] | None]:
        return [*BODIES.get(self.name, [self.example])]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("operations") / "data"
    process = ServerProcess(folder, models, DOUMI_EXAMPLES="off", DOUMI_ADMIN_KEY=ADMIN).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def operations(service: ServerProcess) -> list[Operation]:
    with service.client() as client:
        return list(read(client.get("/openapi.json").json()))


@pytest.fixture(scope="module")
def tenants(service: ServerProcess) -> Iterator[tuple[Tenant, Tenant]]:
    """Ours and theirs: the second's things are what the first may not find."""
    with service.client() as ours, service.client(ADMIN) as admin:
        team = admin.post("/api/admin/teams", json={"slug": "victims", "name": "Wolmar's own"}).json()
        link = admin.post(f"/api/admin/teams/{team['id']}/invitations", json={}).json()["url"]
        with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as founder:
            joined(founder, link, "founder@wolmar.example")
            key = founder.post("/api/keys", json={"name": "k", "role": "owner"}).json()
        with service.client(key["secret"]) as theirs:
            one = furnish(service, Tenant(ours, "Kungla"), "ours")
            two = furnish(service, Tenant(theirs, "Kalevipoeg"), "theirs")
            two.markers |= {"Wolmar", "wolmar.example", two.word, *two.ids.values()} - {"1", "victims"}
            two.markers -= set(one.ids.values())
            yield one, two


def furnish(service: ServerProcess, tenant: Tenant, name: str) -> Tenant:
    """One of everything that has an id."""
    client, ids = tenant.client, tenant.ids
    slug, base = f"{name}-desk", f"{name}-base"
    text = f"# Secrets\n\nThe word of this team is {tenant.word}.\n".encode()
    client.post("/api/knowledge-bases", json={"slug": base, "name": base})
    client.post("/api/assistants", json={"slug": slug, "name": slug, "answer_from": "knowledge"})
    document = upload(client, slug, "secrets.md", text)
    in_base = good(client.post(f"/api/knowledge-bases/{base}/documents", files={"file": ("s.md", text)}))
    kept = ask(client, slug, "What is the word of this team?", conversation="new")
    assert tenant.word in json.dumps(kept)
    response = good(
        client.post("/v1/responses", json={"model": slug, "input": "What is the word of this team?"})
    )
    conversation = good(client.post("/v1/conversations", json={}))
    said = {"type": "message", "role": "user", "content": f"The word is {tenant.word}."}
    item = good(client.post(f"/v1/conversations/{conversation['id']}/items", json={"items": [said]}))
    form = {"purpose": "assistants"}
    file = good(client.post("/v1/files", files={"file": (f"{name}.md", text)}, data=form))
    begun = {"filename": "u.md", "purpose": "assistants", "bytes": len(text), "mime_type": "text/markdown"}
    uploading = good(client.post("/v1/uploads", json=begun))
    part = good(client.post(f"/v1/uploads/{uploading['id']}/parts", files={"data": ("p", text)}))
    store = good(client.post("/v1/vector_stores", json={"name": f"{name} store"}))
    batch = good(
        client.post(f"/v1/vector_stores/{store['id']}/file_batches", json={"file_ids": [file["id"]]})
    )
    finished(client, f"/v1/vector_stores/{store['id']}/file_batches/{batch['id']}")
    thread = good(client.post("/v1/threads", json={"messages": [{"role": "user", "content": "The word?"}]}))
    messages = client.get(f"/v1/threads/{thread['id']}/messages").json()["data"]
    assistant = good(client.post("/v1/assistants", json={"model": "any", "name": f"{name} helper"}))["id"]
    run = good(client.post(f"/v1/threads/{thread['id']}/runs", json={"assistant_id": assistant}))
    steps = ended(client, f"/v1/threads/{thread['id']}/runs/{run['id']}")
    spec = json.dumps(SPEC).replace("OPERATION", f"{name}Orders")
    action = good(client.post(f"/api/assistants/{slug}/actions", json={"spec": spec, "name": f"{name}-shop"}))
    key = good(client.post("/api/keys", json={"name": f"{name} key"}))
    invitation = good(client.post("/api/invitations", json={"role": "viewer"}))
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as guest:
        joined(guest, invitation["url"], f"member@{name}.example")
        session = guest.get("/api/sessions").json()["data"][0]["id"]
    [member] = [
        each
        for each in client.get("/api/members").json()["data"]
        if each["email"] == f"member@{name}.example"
    ]
    bounded = {"of": "team", "tokens_per_day": 10**9}
    budget = good(client.put("/api/budgets", json=bounded))
    waiting = good(client.post("/api/invitations", json={"role": "viewer"}))
    team = client.get("/api/session").json()["team"]
    ids |= {
        "slug": slug,
        "model": slug,
        "base": base,
        "document_id": document["id"],
        "base_document_id": in_base["id"],
        "conversation_id": kept["conversation"],
        "v1_conversation_id": conversation["id"],
        "item_id": item["data"][0]["id"],
        "response_id": response["id"],
        "file_id": file["id"],
        "upload_id": uploading["id"],
        "part_id": part["id"],
        "vector_store_id": store["id"],
        "batch_id": batch["id"],
        "key_id": key["id"],
        "invitation_id": waiting["id"],
        "member_id": member["id"],
        "budget_id": budget["id"],
        "session_id": session,
        "assistant_id": assistant,
        "thread_id": thread["id"],
        "message_id": messages[0]["id"],
        "run_id": run["id"],
        "step_id": steps[0]["id"],
        "action": action["name"],
        "operation": f"{name}Orders",
        "team_id": team["id"],
        "team_slug": team["slug"],
        **asked_before(service, team["id"], slug),
    }
    return tenant


def finished(client: httpx.Client, batch: str) -> None:
    """Wait until the files of a batch are read."""
    deadline = time.monotonic() + 60
    while client.get(batch).json()["status"] == "in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(client: httpx.Client, run: str) -> list[dict[str, Any]]:
    """The steps of a run that has ended."""
    deadline = time.monotonic() + 60
    while client.get(run).json()["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    steps: list[dict[str, Any]] = client.get(f"{run}/steps").json()["data"]
    return steps


def asked_before(service: ServerProcess, team: str, slug: str) -> dict[str, str]:
    """What only a model that calls an action brings about, or a server that nobody here runs."""
    ids = {"confirmation_id": "conf_" + team[-24:], "approval_id": "appr_" + team[-24:]}
    ids |= {"server": "notes" + team[-8:], "tool": "read" + team[-8:]}
    call = {
        "id": ids["confirmation_id"],
        "action": "call_1",
        "name": "placeOrder",
        "method": "POST",
        "host": "api.example.com",
        "path": "/orders",
        "arguments": {"item": team},
        "why": "consequential",
        "carries": None,
        "decisions": ["once", "refuse"],
        "expires_at": 4102444800,
        "url": "/api/confirmations/" + ids["confirmation_id"],
    }
    moment, later = now().isoformat(" ")[:26], (now() + timedelta(hours=1)).isoformat(" ")[:26]
    with sqlite3.connect(service.data / "records.sqlite", timeout=30) as records:
        member = records.execute(
            "SELECT coalesce(member_id, id) FROM keys WHERE team_id = ? AND role = 'owner'", (team,)
        ).fetchone()[0]
        assistant = records.execute(
            "SELECT id FROM assistants WHERE team_id = ? AND slug = ?", (team, slug)
        ).fetchone()[0]
        records.execute(
            "INSERT INTO confirmations (id, team_id, member, assistant_id, version, model, call, state, "
            "documents, created_at, expires_at) VALUES (?, ?, ?, ?, 1, ?, ?, '{}', '[]', ?, ?)",
            (ids["confirmation_id"], team, member, assistant, slug, json.dumps(call), moment, later),
        )
        records.execute(
            "INSERT INTO approvals VALUES (?, ?, ?, ?, 'placeOrder POST api.example.com', ?)",
            (ids["approval_id"], team, member, assistant, moment),
        )
        records.execute(
            "INSERT INTO mcp_servers VALUES "
            "(?, ?, ?, ?, 'https://mcp.example/mcp', NULL, ?, '[]', '{}', 0, '{}', '[]', NULL, ?, ?)",
            (
                "mcp_" + team[-24:],
                team,
                assistant,
                ids["server"],
                json.dumps([{"name": ids["tool"], "description": team, "parameters": {}, "read_only": True}]),
                moment,
                moment,
            ),
        )
    records.close()
    return ids


def test_with_another_teams_ids_in_hand_every_operation_says_what_it_says_of_no_ids(
    service: ServerProcess, operations: list[Operation], tenants: tuple[Tenant, Tenant]
) -> None:
    ours, theirs = tenants
    missing = {name: nobodys(value) for name, value in theirs.ids.items()}
    before = state_of(theirs, operations)
    assert {status for status, _ in before.values()} == {200}, before
    asked = 0
    for operation in operations:
        for foreign, missed in attempts(operation, ours.ids, theirs.ids, missing):
            one, other = send(ours.client, foreign), send(ours.client, missed)
            assert said(one, theirs.ids) == said(other, missing), (operation.name, foreign, one.text)
            unasked = {marker for marker in theirs.markers if marker not in json.dumps(foreign)}
            for marker in unasked:
                assert marker not in one.text, (operation.name, marker)
                assert marker not in str(one.headers), (operation.name, marker)
            asked += 1
    assert asked > len(operations)
    assert state_of(theirs, operations) == before
    log = "".join(service.said)
    assert not [marker for marker in theirs.markers - {theirs.ids["team_slug"]} if marker in log]


def test_every_operation_can_be_called_and_every_change_is_in_the_audit_log(
    operations: list[Operation], tenants: tuple[Tenant, Tenant], service: ServerProcess
) -> None:
    ours, _ = tenants
    changed: dict[str, str] = {}
    asked: set[str] = set()
    refused: list[Any] = []
    for operation in in_good_order(operations):
        for body in operation.bodies:
            request = filled(operation, ours.ids, ours.ids, body)
            if operation.name == "DELETE /api/team":
                continue  # its own journey
            reply = send(ours.client, request)
            if operation.path.startswith(FOR_ADMINISTRATORS):
                assert reply.status_code == 403, operation.name
                continue
            wanted = KNOWN.get(operation.name)
            fine = reply.status_code == wanted if wanted else reply.status_code < 400
            if not fine:
                refused.append((operation.name, body, reply.status_code, reply.text))
            if reply.status_code < 400 and operation.method not in ("GET", "HEAD"):
                if is_change(operation.method, operation.path):
                    changed[reply.headers["x-request-id"]] = operation.name
                else:
                    asked.add(reply.headers["x-request-id"])
    assert not refused, f"add what they need to this file: {refused}"
    entries = [json.loads(line) for line in ours.client.get("/api/audit/export").text.splitlines()]
    recorded = {entry["request"]: entry["operation"] for entry in entries}
    assert changed.items() <= recorded.items()
    assert not asked & recorded.keys()
    assert len(set(changed.values())) > 35
    whole = json.dumps(entries)
    assert ours.word not in whole
    assert "sk-doumi" not in whole


def attempts(
    operation: Operation, own: dict[str, str], foreign: dict[str, str], missing: dict[str, str]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of requests: with the other team's ids, and with nobody's, at each place where an id may stand."""
    parameters = operation.parameters
    for body in operation.bodies:
        for begin in range(len(parameters)) if parameters else [0]:
            kept = {name: own[key_of(operation, name)] for name in parameters[:begin]}
            yield (
                filled(operation, foreign | {"own_slug": own["slug"]}, own, body, kept),
                filled(operation, missing | {"own_slug": own["slug"]}, own, body, kept),
            )
        if parameters and body and "{" in json.dumps(body):
            kept = {name: own[key_of(operation, name)] for name in parameters}
            if operation.method != "DELETE":
                yield (
                    filled(operation, foreign | {"own_slug": own["slug"]}, own, body, kept),
                    filled(operation, missing | {"own_slug": own["slug"]}, own, body, kept),
                )
    for query in set(operation.queries) & ID_QUERIES:
        for name, value in foreign.items():
            kept = {each: own[key_of(operation, each)] for each in parameters}
            request = filled(operation, own, own, operation.bodies[0], kept)
            yield request | {"params": {query: value}}, request | {"params": {query: missing[name]}}


def filled(
    operation: Operation,
    ids: dict[str, str],
    own: dict[str, str],
    body: dict[str, Any] | None,
    kept: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The request with its ids in place."""
    fresh = f"made-{next(COUNT)}"
    known = {"own_slug": own["slug"], "fresh": fresh, "embedder": "all-MiniLM-L6-v2"} | ids
    values = {name: ids[key_of(operation, name)] for name in operation.parameters}
    request: dict[str, Any] = {
        "method": operation.method,
        "url": operation.path.format(**values | (kept or {}) | HARMLESS),
    }
    if operation.multipart is not None:
        name = "data" if "data" in operation.multipart else "file"
        request["files"] = {name: ["new.md", "A new text."]}
        if "purpose" in operation.multipart:
            request["data"] = {"purpose": "assistants"}
    elif body is not None:
        text = json.dumps(body)
        for key, value in known.items():
            text = text.replace("{" + key + "}", value)
        request["json"] = json.loads(text)
    return request


def key_of(operation: Operation, name: str) -> str:
    """Documents and conversations have ids of two kinds, by where they are."""
    if name == "document_id" and "{base}" in operation.path:
        return "base_document_id"
    if name == "conversation_id" and operation.path.startswith("/v1/"):
        return "v1_conversation_id"
    return name


def send(client: httpx.Client, request: dict[str, Any]) -> httpx.Response:
    files = {name: tuple(value) for name, value in request.get("files", {}).items()} or None
    return client.request(**{**request, "files": files})


def said(reply: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Status and, of a refusal, the body with the ids that were sent made the same."""
    if reply.status_code < 400:
        return reply.status_code, ""
    text = reply.text
    # A vector store is a knowledge base under another prefix, so the number alone counts, too.
    for value in sorted(set(ids.values()), key=len, reverse=True):
        text = text.replace(value, "ID")
    for value in ids.values():
        text = re.sub(r"\w+_" + value.partition("_")[2], "ID", text) if "_" in value else text
    return reply.status_code, text


def nobodys(value: str) -> str:
    """An id of the same kind that nothing has."""
    changed, times = re.subn(r"[0-9a-f]{24,}$", lambda found: "0" * len(found[0]), value)
    return changed if times else "nobody-" + "x" * max(1, len(value) - 7)


def state_of(tenant: Tenant, operations: list[Operation]) -> dict[str, tuple[int, str]]:
    """What the team itself reads of its things."""
    found = {}
    for operation in operations:
        if operation.method == "GET" and not operation.path.startswith(FOR_ADMINISTRATORS):
            reply = send(tenant.client, filled(operation, tenant.ids, tenant.ids, None))
            text = re.sub(r'"(last_used_at|last_active_at|expires_at|minute)":[^,}]*', "", reply.text)
            found[operation.name] = (reply.status_code, text)
    return found


def in_good_order(operations: list[Operation]) -> list[Operation]:
    """Reading and changing first; then what ends things, the inner ones before the outer."""

    def last(operation: Operation) -> tuple[int, int, int]:
        ends = operation.method == "DELETE" or operation.path.endswith("/cancel")
        holds_others = "assistants" in operation.path or "knowledge" in operation.path
        return (1, holds_others, -operation.path.count("/")) if ends else (0, operation.method != "GET", 0)

    return sorted(operations, key=last)


def read(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            content = found.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            yield Operation(
                method=method.upper(),
                path=path,
                queries=tuple(each["name"] for each in found.get("parameters", []) if each["in"] == "query"),
                example=schema.get("example"),
                multipart=content.get("multipart/form-data", {}).get("example"),
            )


def good(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code < 300, reply.text
    made: dict[str, Any] = reply.json()
    return made


def joined(guest: httpx.Client, link: str, email: str) -> None:
    body = {"token": link.split("=", 1)[1], "name": email, "email": email, "password": "ten quiet owls"}
    assert guest.post("/api/join", json=body).status_code == 204
