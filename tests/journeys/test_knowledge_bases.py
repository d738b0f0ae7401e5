"""A knowledge base of its own right: shared by assistants, filled, filtered, deleted. Over HTTP."""

import json
from typing import Any

import httpx

from tests.journeys.server import ServerProcess, ask, settled_at

HARBOUR = "# Harbour rules\n\nThe harbour of Kuressaare opens at 06:45 in summer.\n"
LIBRARY = "# Library rules\n\nThe library of Kuressaare opens at 10:15 in summer.\n"


def put(client: httpx.Client, base: str, name: str, text: str, **fields: Any) -> dict[str, Any]:
    address = f"/api/knowledge-bases/{base}/documents"
    data = {key: json.dumps(value) for key, value in fields.items()}
    reply = client.post(address, files={"file": (name, text.encode())}, data=data)
    assert reply.status_code == 202, reply.text
    return settled_at(client, f"{address}/{reply.json()['id']}")


def test_a_base_is_shared_by_assistants_searched_by_filter_and_deleted_with_a_receipt(
    server: ServerProcess,
) -> None:
    with server.client() as client:
        made = client.post("/api/knowledge-bases", json={"slug": "island", "name": "Island"})
        assert made.status_code == 201, made.text
        assert (made.json()["assistants"], made.json()["documents"]) == ([], 0)
        harbour = put(client, "island", "harbour.md", HARBOUR, attributes={"kind": "harbour", "year": 2025})
        library = put(client, "island", "library.md", LIBRARY, attributes={"kind": "library", "year": 2026})
        assert harbour["attributes"] == {"kind": "harbour", "year": 2025}
        for slug in ("guide", "concierge"):
            client.post("/api/assistants", json={"slug": slug, "knowledge": ["island"]})
        assert client.get("/api/knowledge-bases/island").json()["assistants"] == ["concierge", "guide"]
        assert "06:45" in str(ask(client, "guide", "When does the harbour of Kuressaare open in summer?"))

        question = {"query": "When does it open in summer?", "k": 5}
        for place in ("/api/knowledge-bases/island", "/api/assistants/guide"):
            wanted = {"type": "gte", "key": "year", "value": 2026}
            found = client.post(f"{place}/search", json=question | {"filter": wanted}).json()
            shown = [*found["passages"], *found["below_floor"]]
            assert {passage["document"]["id"] for passage in shown} == {library["id"]}
        address = f"/api/knowledge-bases/island/documents/{harbour['id']}"
        changed = client.patch(address, json={"attributes": {"year": 2027, "kind": "harbour"}}).json()
        assert changed["attributes"] == {"year": 2027, "kind": "harbour"}
        assert changed["status"] == "ready"
        refused = client.post("/api/knowledge-bases/island/search", json=question | {"filter": {"type": "x"}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_filter")
        refused = client.patch(address, json={"attributes": {"page": 1}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_attributes")

        client.delete("/api/assistants/concierge")
        assert client.get("/api/knowledge-bases/island").json()["documents"] == 2
        receipt = client.delete("/api/knowledge-bases/island").json()
        assert (receipt["removed"]["documents"], receipt["assistants"]) == (2, ["guide"])
        assert client.get("/api/knowledge-bases/island").status_code == 404
        assert not list((server.data / "teams").glob(f"*/{made.json()['id']}"))
        refused = client.post("/api/assistants/guide/documents", files={"file": ("a.md", b"text")})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_knowledge_base")
        assert client.get("/api/assistants/guide/documents").json()["data"] == []


def test_a_viewer_reaches_no_knowledge_base_by_itself(server: ServerProcess) -> None:
    from tests.journeys.test_command_line import doumi

    viewer = doumi("key", "create", "--role", "viewer", server=server).stdout.strip()
    with server.client() as client, server.client(viewer) as looking:
        client.post("/api/knowledge-bases", json={"slug": "closed"})
        document = put(client, "closed", "harbour.md", HARBOUR)
        address = f"/api/knowledge-bases/closed/documents/{document['id']}"
        for path in ("/api/knowledge-bases", "/api/knowledge-bases/closed", address, f"{address}/file"):
            assert looking.get(path).status_code == 403, path
        assert looking.delete("/api/knowledge-bases/closed").status_code == 403


def test_an_assistant_of_several_bases_lists_changes_and_deletes_their_documents(
    server: ServerProcess,
) -> None:
    with server.client() as client:
        for slug in ("north", "south"):
            client.post("/api/knowledge-bases", json={"slug": slug})
        harbour = put(client, "north", "harbour.md", HARBOUR)
        library = put(client, "south", "library.md", LIBRARY, attributes={"kind": "library"})
        client.post("/api/assistants", json={"slug": "both", "knowledge": ["north", "south"]})
        place = "/api/assistants/both/documents"

        def listed(**params: Any) -> list[tuple[str, str]]:
            data = client.get(place, params=params).json()["data"]
            return [(each["knowledge_base"], each["name"]) for each in data]

        assert listed() == [("north", "harbour.md"), ("south", "library.md")]
        assert listed(knowledge_base="south") == [("south", "library.md")]
        assert listed(status="failed") == []
        kind = json.dumps({"type": "eq", "key": "kind", "value": "library"})
        assert listed(filter=kind, status="ready") == [("south", "library.md")]
        assert client.get(place, params={"filter": "{"}).json()["error"]["code"] == "invalid_filter"
        assert client.get(place, params={"knowledge_base": "island"}).status_code == 404

        renamed = client.patch(f"{place}/{harbour['id']}", json={"name": "lighthouse.md"})
        assert renamed.json()["name"] == "lighthouse.md"
        ready = settled_at(client, f"{place}/{harbour['id']}")
        assert (ready["status"], ready["name"], ready["chunks"]) == ("ready", "lighthouse.md", 1)
        put(client, "north", "harbour.md", HARBOUR)
        taken = client.patch(f"{place}/{harbour['id']}", json={"name": "harbour.md"})
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
        [page] = client.get(f"{place}/{library['id']}/pages").json()["data"]
        assert (page["number"], page["chunks"]) == (1, 1)

        body = {"ids": [harbour["id"], library["id"], "doc_none"]}
        reply = client.post(f"{place}/delete", json=body).json()
        assert {each["id"] for each in reply["data"]} == {harbour["id"], library["id"]}
        assert reply["missing"] == ["doc_none"]
        assert listed() == [("north", "harbour.md")]
