"""With every id of another team in hand, a team gets what it gets for ids that do not exist."""

from typing import Any

import httpx

from tests.journeys.server import ServerProcess, ask, upload
from tests.journeys.test_command_line import doumi

SECRET = "The vault of team one opens with the word Kalevipoeg."
NOWHERE = {
    "slug": "nobody",
    "document": "doc_000000000000000000000000",
    "conversation": "conv_000000000000000000000000",
}


def test_another_teams_things_look_like_things_that_do_not_exist(server: ServerProcess) -> None:
    made = doumi("team", "create", "rivals", server=server)
    assert made.returncode == 0, made.stderr
    with server.client() as ours, server.client(made.stdout.strip()) as theirs:
        ours.post("/api/assistants", json={"slug": "vault", "name": "Vault"})
        document = upload(ours, "vault", "vault.md", SECRET.encode())
        kept = ask(ours, "vault", "Which word opens the vault of team one?", conversation="new")
        assert "Kalevipoeg" in str(kept)
        real = {"slug": "vault", "document": document["id"], "conversation": kept["conversation"]}
        # A twin of the same slug on the other side, so that ids are tried against an assistant of their own.
        for method, path, body in requests():
            foreign = said(theirs, method, path.format(**real), body, real)
            missing = said(theirs, method, path.format(**NOWHERE), body, NOWHERE)
            assert foreign == missing, (method, path)
            assert "Kalevipoeg" not in str(foreign)
        assert theirs.get("/api/assistants").json()["data"] == []
        assert theirs.get("/api/knowledge-bases").json()["data"] == []
        assert theirs.get("/v1/models").json()["data"] == []
        assert theirs.get("/api/conversations").json()["data"] == []
        theirs.post("/api/assistants", json={"slug": "vault", "name": "Theirs"})
        for path in ("", "/file", "/pages/1", "/events"):
            reply = theirs.get(f"/api/assistants/vault/documents/{document['id']}{path}")
            assert reply.status_code == 404, path
        assert theirs.delete(f"/api/assistants/vault/documents/{document['id']}").status_code == 404
        many = theirs.post("/api/assistants/vault/documents/delete", json={"ids": [document["id"]]}).json()
        assert (many["data"], many["missing"]) == ([], [document["id"]])
        borrowed = {"slug": "borrow", "knowledge": ["handbook"]}
        assert theirs.post("/api/assistants", json=borrowed).status_code == 404
        assert "Kalevipoeg" in str(ask(ours, "vault", "Which word opens the vault of team one?"))


def requests() -> list[tuple[str, str, dict[str, Any] | None]]:
    question = {"messages": [{"role": "user", "content": "Which word opens the vault of team one?"}]}
    document = "/api/assistants/{slug}/documents/{document}"
    return [
        ("GET", "/api/assistants/{slug}", None),
        ("PUT", "/api/assistants/{slug}", {"name": "Stolen"}),
        ("DELETE", "/api/assistants/{slug}", None),
        ("GET", "/api/assistants/{slug}/documents", None),
        ("POST", "/api/assistants/{slug}/search", {"query": "vault"}),
        ("GET", document, None),
        ("GET", document + "/file", None),
        ("GET", document + "/pages/1", None),
        ("GET", document + "/events", None),
        ("DELETE", document, None),
        ("GET", "/api/knowledge-bases/{slug}", None),
        ("PATCH", "/api/knowledge-bases/{slug}", {"name": "Stolen"}),
        ("DELETE", "/api/knowledge-bases/{slug}", None),
        ("GET", "/api/knowledge-bases/{slug}/documents", None),
        ("POST", "/api/knowledge-bases/{slug}/search", {"query": "vault"}),
        ("PATCH", document, {"attributes": {"stolen": True}}),
        ("PATCH", document, {"name": "stolen.md"}),
        ("GET", document + "/pages", None),
        ("POST", "/api/assistants/{slug}/documents/delete", {"ids": ["doc_000000000000000000000000"]}),
        ("GET", "/api/knowledge-bases?assistant={slug}", None),
        ("GET", "/api/conversations/{conversation}", None),
        ("DELETE", "/api/conversations/{conversation}", None),
        ("GET", "/v1/models/{slug}", None),
        ("POST", "/v1/chat/completions", {"model": "{slug}"} | question),
        ("POST", "/v1/chat/completions", {"model": "{slug}@1"} | question),
    ]


def said(
    client: httpx.Client, method: str, path: str, body: dict[str, Any] | None, names: dict[str, str]
) -> tuple[int, str]:
    """Status and body, with the names that were asked for made the same."""
    if body and "model" in body:
        body = body | {"model": body["model"].format(**names)}
    reply = client.request(method, path, json=body)
    text = reply.text
    for kind, name in names.items():
        text = text.replace(name, kind)
    return reply.status_code, text
