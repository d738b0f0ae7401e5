"""What a key for some assistants may use beside them: their vector stores and files, and what it made itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.installation import Installation
from service.records import Role
from service.settings import Settings

OWNER = "sk-doumi-" + "b" * 43


class Team:
    """A team with two assistants, each with a file; a key is for the first of them alone."""

    def __init__(self, client: TestClient, here: Installation) -> None:
        self.client = client
        self.here = here
        self.id = here.store.teams.by_slug("things").id
        self.stores: dict[str, str] = {}
        self.files: dict[str, str] = {}
        for slug in ("ours", "theirs"):
            self.files[slug] = self.sent(f"{slug}.txt")
            store = client.post("/v1/vector_stores", json={"name": slug, "file_ids": [self.files[slug]]})
            self.stores[slug] = store.json()["id"]
            body = {
                "name": slug,
                "model": "m",
                "tools": [{"type": "file_search"}],
                "tool_resources": {"file_search": {"vector_store_ids": [self.stores[slug]]}},
            }
            assert client.post("/v1/assistants", json=body).status_code == 200
        self.scoped = self.key("ours")

    def key(self, *slugs: str, member: str | None = None) -> dict[str, str]:
        """The headers of a key, for these assistants or for all."""
        _, secret = self.here.store.keys.create(
            self.id, name="k", role=Role.EDITOR, member_id=member, assistants=slugs or None
        )
        return {"Authorization": f"Bearer {secret}"}

    def sent(self, name: str, headers: dict[str, str] | None = None) -> str:
        text = f"The gate of {name} opens at 05:40.".encode()
        reply = self.client.post(
            "/v1/files", files={"file": (name, text)}, data={"purpose": "assistants"}, headers=headers
        )
        assert reply.status_code == 200, reply.text
        found: str = reply.json()["id"]
        return found

    def asks(self, method: str, path: str, body: Any = None, **names: str) -> tuple[int, str]:
        """What the scoped key is told, without the ids."""
        reply = self.client.request(method, path.format(**names), json=body, headers=self.scoped)
        text = reply.text
        for name in names.values():
            text = text.replace(name, "…")
        return reply.status_code, text


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Team]:
    data = tmp_path_factory.mktemp("things") / "data"
    data.mkdir()
    (data / "models").symlink_to(models, target_is_directory=True)
    app = create_app(Settings(data=data, examples=False, _env_file=None))
    with TestClient(app, headers={"Authorization": f"Bearer {OWNER}"}) as client:
        here = app.state.installation
        here.loaded.result(timeout=60)
        made = here.store.teams.create(slug="things", name="Things").id
        owner = here.store.members.add(made, name="Owner", role=Role.OWNER)
        here.store.keys.create(made, name="k", role=Role.OWNER, member_id=owner, secret=OWNER)
        yield Team(client, here)


def test_a_scoped_key_uses_the_stores_and_files_of_its_assistants(team: Team) -> None:
    store, file = team.stores["ours"], team.files["ours"]
    for path in (
        f"/v1/vector_stores/{store}",
        f"/v1/vector_stores/{store}/files",
        f"/v1/vector_stores/{store}/files/{file}",
        f"/v1/files/{file}",
        f"/v1/files/{file}/content",
    ):
        assert team.client.get(path, headers=team.scoped).status_code == 200, path
    listed = team.client.get("/v1/vector_stores", headers=team.scoped).json()["data"]
    assert [each["id"] for each in listed] == [store]
    files = team.client.get("/v1/files", headers=team.scoped).json()["data"]
    assert [each["id"] for each in files] == [file]
    added = team.sent("more.txt", team.scoped)
    body = {"file_id": added}
    assert (
        team.client.post(f"/v1/vector_stores/{store}/files", json=body, headers=team.scoped).status_code
        == 200
    )
    assert team.client.delete(f"/v1/files/{added}", headers=team.scoped).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/vector_stores/{store}", None),
        ("POST", "/v1/vector_stores/{store}", {"name": "x"}),
        ("DELETE", "/v1/vector_stores/{store}", None),
        ("POST", "/v1/vector_stores/{store}/search", {"query": "gate"}),
        ("GET", "/v1/vector_stores/{store}/files", None),
        ("GET", "/v1/vector_stores/{store}/files/{file}", None),
        ("GET", "/v1/files/{file}", None),
        ("GET", "/v1/files/{file}/content", None),
        ("DELETE", "/v1/files/{file}", None),
    ],
)
def test_what_lies_outside_of_the_scope_looks_missing(
    team: Team, method: str, path: str, body: dict[str, str] | None
) -> None:
    real = {"store": team.stores["theirs"], "file": team.files["theirs"]}
    nowhere = {"store": "vs_" + "0" * 24, "file": "file-" + "0" * 24}
    found = team.asks(method, path, body, **real)
    assert found == team.asks(method, path, body, **nowhere)
    assert found[0] == 404


def test_nor_can_it_be_named_in_a_body(team: Team) -> None:
    theirs = team.stores["theirs"]
    resources = {"tool_resources": {"file_search": {"vector_store_ids": [theirs]}}}
    ours = f"/v1/vector_stores/{team.stores['ours']}/files"
    (assistant,) = team.client.get("/v1/assistants", headers=team.scoped).json()["data"]
    for path, body in (
        ("/v1/threads", resources),
        (f"/v1/assistants/{assistant['id']}", resources),
        (ours, {"file_id": team.files["theirs"]}),
        (ours, {"file_id": team.files["theirs"].replace("file-", "doc_")}),
        ("/v1/vector_stores", {"file_ids": [team.files["theirs"]]}),
    ):
        reply = team.client.post(path, json=body, headers=team.scoped)
        assert reply.status_code == 404, (path, reply.text)
    assert team.client.post("/v1/assistants", json={"model": "m"}, headers=team.scoped).status_code == 403


def test_a_store_that_the_key_did_not_make_is_not_its_to_delete(team: Team) -> None:
    path = f"/v1/vector_stores/{team.stores['ours']}"
    assert team.client.delete(path, headers=team.scoped).status_code == 403
    made = team.client.post("/v1/vector_stores", json={"name": "own"}, headers=team.scoped).json()["id"]
    other = team.key("ours")
    assert team.client.get(f"/v1/vector_stores/{made}", headers=other).status_code == 404
    assert team.client.delete(f"/v1/vector_stores/{made}", headers=team.scoped).status_code == 200


def test_a_file_that_others_read_too_is_not_deleted_by_a_scoped_key(team: Team) -> None:
    shared = team.sent("shared.txt")
    for store in team.stores.values():
        assert (
            team.client.post(f"/v1/vector_stores/{store}/files", json={"file_id": shared}).status_code == 200
        )
    assert team.client.get(f"/v1/files/{shared}", headers=team.scoped).status_code == 200
    assert team.client.delete(f"/v1/files/{shared}", headers=team.scoped).status_code == 403
    assert team.client.get(f"/v1/files/{shared}").status_code == 200


def test_threads_are_a_persons_or_a_scoped_keys_own_and_else_the_teams(team: Team) -> None:
    person = team.key(member=team.here.store.members.add(team.id, name="P", role=Role.EDITOR))
    service, other_service, other_scoped = team.key(), team.key(), team.key("ours")
    owner = {"Authorization": f"Bearer {OWNER}"}
    sees = {
        "person": (person, [person]),
        "scoped": (team.scoped, [team.scoped]),
        "service": (service, [service, other_service, person, owner]),
    }
    everybody = [person, service, other_service, other_scoped, team.scoped, owner]
    for name, (maker, allowed) in sees.items():
        made = team.client.post("/v1/threads", json={}, headers=maker).json()["id"]
        for headers in everybody:
            status = 200 if headers in allowed else 404
            for path in ("", "/messages", "/runs"):
                reply = team.client.get(f"/v1/threads/{made}{path}", headers=headers)
                assert reply.status_code == status, (name, path, reply.text)


def test_a_scoped_key_runs_its_assistant_with_files_that_it_attaches(team: Team) -> None:
    attached = {"file_id": team.sent("attached.txt", team.scoped), "tools": [{"type": "file_search"}]}
    question = {
        "role": "user",
        "content": "When does the gate of attached.txt open?",
        "attachments": [attached],
    }
    body = {"assistant_id": "ours", "thread": {"messages": [question]}}
    run = team.client.post("/v1/threads/runs", json=body, headers=team.scoped).json()
    address = f"/v1/threads/{run['thread_id']}/runs/{run['id']}"
    while run["status"] in ("queued", "in_progress"):
        run = team.client.get(address, headers=team.scoped).json()
    assert run["status"] == "completed", run
    theirs = team.client.post("/v1/threads/runs", json=body | {"assistant_id": "theirs"}, headers=team.scoped)
    assert theirs.status_code == 404
