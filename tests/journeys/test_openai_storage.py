"""The storage side of the OpenAI surface, with the newest SDK against a running service."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.journeys import openai_storage
from tests.journeys.server import ServerProcess, ask, upload
from tests.journeys.test_command_line import doumi


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    "resource",
    openai_storage.RESOURCES,
    ids=lambda resource: resource.__name__,
)
def test_the_sdk_uses_the_resource_from_end_to_end(
    client: openai.OpenAI, resource: Callable[[Any], None]
) -> None:
    resource(client)


def test_what_the_page_made_is_a_vector_store_and_the_reverse(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    with server.client() as page:
        assert page.post("/api/assistants", json={"slug": "quay", "name": "Quay"}).status_code == 201
        document = upload(page, "quay", "부두.md", "부두는 06시에 엽니다.\n".encode())
        (store,) = [each for each in client.vector_stores.list() if each.name == "Quay"]
        (file,) = client.vector_stores.files.list(store.id).data
        assert (file.status, file.id[5:]) == ("completed", document["id"][4:])
        assert client.files.retrieve(file.id).filename == "부두.md"
        assert client.files.content(file.id).read().decode() == "부두는 06시에 엽니다.\n"
        hits = client.vector_stores.search(store.id, query="부두는 언제 엽니까?").data
        assert [(hit.file_id, hit.filename) for hit in hits] == [(file.id, "부두.md")]
        client.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("gates.md", openai_storage.GATES)
        )
        names = [each["name"] for each in page.get("/api/assistants/quay/documents").json()["data"]]
        assert sorted(names) == ["gates.md", "부두.md"]
        answer = ask(page, "quay", "When do the gates of Tallinn open?")
        assert "05:40" in answer["choices"][0]["message"]["content"]
        client.vector_stores.files.delete(file.id, vector_store_id=store.id)
        assert page.get(f"/api/assistants/quay/documents/{document['id']}").status_code == 404
        page.delete("/api/assistants/quay")
        assert openai_storage.refused(client.vector_stores.retrieve, store.id) == 404


def test_another_teams_files_and_stores_look_like_things_that_do_not_exist(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    made = doumi("team", "create", "storage-rivals", server=server)
    assert made.returncode == 0, made.stderr
    store = client.vector_stores.create(name="Vault")
    file = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("vault.md", b"The vault opens with the word Kalevipoeg.")
    )
    batch = client.vector_stores.file_batches.create(store.id, file_ids=[file.id])
    part = client.uploads.create(bytes=3, filename="a", mime_type="text/plain", purpose="assistants")
    real = {"vs": store.id, "file": file.id, "vsfb": batch.id, "upload": part.id}
    nowhere = {kind: name[:-24] + "0" * 24 for kind, name in real.items()}
    with server.client(made.stdout.strip()) as theirs:
        for method, path, body in _requests():
            foreign, missing = (_said(theirs, method, path, body, names) for names in (real, nowhere))
            assert foreign == missing, (method, path)
            assert foreign[0] == 404, (method, path)
        assert theirs.get("/v1/files").json()["data"] == []
        assert theirs.get("/v1/vector_stores").json()["data"] == []
        own = theirs.post("/v1/vector_stores", json={"name": "Theirs"}).json()["id"]
        for borrowed in ({"file_ids": [file.id]}, {"files": [{"file_id": file.id}]}):
            assert theirs.post(f"/v1/vector_stores/{own}/file_batches", json=borrowed).status_code == 404
        assert theirs.post("/v1/vector_stores", json={"file_ids": [file.id]}).status_code == 404
        assert len(theirs.get("/v1/vector_stores").json()["data"]) == 1  # nothing half made
    assert client.vector_stores.search(store.id, query="Which word opens the vault?").data
    client.vector_stores.delete(store.id)


def _said(
    client: httpx.Client, method: str, path: str, body: dict[str, Any] | None, names: dict[str, str]
) -> tuple[int, str]:
    """Status and body, with the ids that were asked for made the same."""
    sent = json.loads(json.dumps(body).replace("FILE", names["file"])) if body else None
    reply = client.request(method, path.format(**names), json=sent)
    text = reply.text
    for kind, name in names.items():
        text = text.replace(name, kind)
    return reply.status_code, text


def _requests() -> list[tuple[str, str, dict[str, Any] | None]]:
    store = "/v1/vector_stores/{vs}"
    return [
        ("GET", "/v1/files/{file}", None),
        ("GET", "/v1/files/{file}/content", None),
        ("DELETE", "/v1/files/{file}", None),
        ("POST", "/v1/uploads/{upload}/complete", {"part_ids": ["part_x"]}),
        ("POST", "/v1/uploads/{upload}/cancel", None),
        ("GET", store, None),
        ("POST", store, {"name": "Stolen"}),
        ("DELETE", store, None),
        ("POST", store + "/search", {"query": "vault"}),
        ("GET", store + "/files", None),
        ("POST", store + "/files", {"file_id": "FILE"}),
        ("GET", store + "/files/{file}", None),
        ("POST", store + "/files/{file}", {"attributes": {}}),
        ("GET", store + "/files/{file}/content", None),
        ("DELETE", store + "/files/{file}", None),
        ("POST", store + "/file_batches", {"file_ids": ["FILE"]}),
        ("GET", store + "/file_batches/{vsfb}", None),
        ("GET", store + "/file_batches/{vsfb}/files", None),
        ("POST", store + "/file_batches/{vsfb}/cancel", None),
    ]
