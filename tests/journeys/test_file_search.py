"""The tool `file_search` of the Responses API, with the SDK against a running service."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.journeys.server import ServerProcess, ask, upload
from tests.journeys.test_command_line import doumi

YEARS = {2025: b"The harbour of Narva opens at 04:15.\n", 2026: b"The harbour of Narva opens at 07:45.\n"}
ASKED = "When does the harbour of Narva open?"


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def store(client: openai.OpenAI) -> str:
    """A vector store with the opening hours of two years."""
    store = client.vector_stores.create(name="Narva")
    for year, text in YEARS.items():
        file = client.files.create(file=(f"narva-{year}.md", text), purpose="assistants")
        client.vector_stores.files.create_and_poll(
            file.id, vector_store_id=store.id, attributes={"year": year}
        )
    return store.id


def searched(client: openai.OpenAI, store: str, **more: Any) -> Any:
    tool = {"type": "file_search", "vector_store_ids": [store], **more}
    return client.responses.create(
        model="handbook", input=ASKED, tools=[tool], include=["file_search_call.results"]
    )


def test_the_answer_comes_from_the_vector_stores_that_the_tool_names(
    client: openai.OpenAI, store: str, server: ServerProcess
) -> None:
    made = searched(client, store)
    assert re.search(r"04:15|07:45", made.output_text)
    (search, message) = made.output
    assert {result.filename for result in search.results} == {"narva-2025.md", "narva-2026.md"}
    cited = message.content[0].annotations[0]
    assert client.files.retrieve(cited.file_id).filename == cited.filename
    with server.client() as page:  # the link of a citation opens what is cited
        assert "harbour of Narva" in page.get(cited.url).text
    alone = client.responses.create(model="handbook", input=ASKED)
    assert not re.search(r"04:15|07:45", alone.output_text)


def test_filters_and_max_num_results_hold_inside_the_search(client: openai.OpenAI, store: str) -> None:
    for year, opens in ((2025, "04:15"), (2026, "07:45")):
        made = searched(client, store, filters={"type": "eq", "key": "year", "value": year})
        assert opens in made.output_text
        assert [result.attributes for result in made.output[0].results] == [{"year": year}]
    assert len(searched(client, store, max_num_results=1).output[0].results) == 1
    with pytest.raises(openai.BadRequestError, match="No such filter"):
        searched(client, store, filters={"type": "near", "key": "year", "value": 1})
    with pytest.raises(openai.BadRequestError, match="max_num_results"):
        searched(client, store, max_num_results=0)


def test_a_conversation_keeps_what_another_vector_store_said(client: openai.OpenAI, store: str) -> None:
    conversation = client.conversations.create()
    tool: Any = {"type": "file_search", "vector_store_ids": [store]}
    made = client.responses.create(model="handbook", input=ASKED, tools=[tool], conversation=conversation.id)
    kept = [item.to_dict() for item in client.conversations.items.list(conversation.id, order="asc")]
    assert kept[-1]["content"][0]["text"] == made.output_text  # type: ignore[index]
    assert "deleted" not in made.output_text
    assert kept[-1]["content"] == made.output[-1].to_dict()["content"]


def test_a_foreign_vector_store_looks_like_one_that_is_not_there(server: ServerProcess, store: str) -> None:
    made = doumi("team", "create", "narva-rivals", server=server)
    with server.client(made.stdout.strip()) as theirs:
        assert theirs.post("/api/assistants", json={"slug": "spy", "name": "Spy"}).status_code == 201
        said = {
            named: refused(theirs, "spy", named).replace(named, "…") for named in (store, "vs_" + "0" * 24)
        }
        assert len(set(said.values())) == 1
        assert "vector_store_not_found" in next(iter(said.values()))


def test_a_viewer_names_only_what_the_assistant_reads(server: ServerProcess, store: str) -> None:
    with server.client() as owner:
        key = owner.post("/api/keys", json={"name": "looks", "role": "viewer"}).json()["secret"]
        base = owner.get("/api/knowledge-bases").json()["data"]
        own = next(each["id"] for each in base if each["slug"] == "handbook").replace("kb_", "vs_")
    with server.client(key) as viewer:
        for named in (store, "vs_" + "0" * 24):
            assert "not_allowed" in refused(viewer, "handbook", named)
        tool = {"type": "file_search", "vector_store_ids": [own]}
        question = "How many days of annual leave do I have?"
        asked = {"model": "handbook", "input": question, "tools": [tool]}
        assert viewer.post("/v1/responses", json=asked).json()["output"][0]["type"] == "file_search_call"


def test_a_viewer_sends_files_along_and_names_none_of_the_team(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    file = client.files.create(file=("secret.md", b"The vault opens at 03:33."), purpose="user_data")
    with server.client() as owner:
        key = owner.post("/api/keys", json={"name": "sends", "role": "viewer"}).json()["secret"]
    with server.client(key) as viewer:
        said = []
        for named in (file.id, "file-" + "0" * 24):
            content = [{"type": "file", "file": {"file_id": named}}, {"type": "text", "text": "When?"}]
            body = {"model": "handbook", "messages": [{"role": "user", "content": content}]}
            reply = viewer.post("/v1/chat/completions", json=body)
            said.append((reply.status_code, reply.json()["error"]["code"]))
        assert said == [(403, "not_allowed")] * 2
        data = base64.b64encode(b"The ferry to Hiiumaa leaves pier 9 at 21:15.\n").decode()
        given = {"file_data": data, "filename": "ferry.txt"}
        question = {"type": "text", "text": "When does the ferry to Hiiumaa leave?"}
        body["messages"] = [{"role": "user", "content": [{"type": "file", "file": given}, question]}]
        answer = viewer.post("/v1/chat/completions", json=body | {"conversation": "new"}).json()
        assert "21:15" in answer["choices"][0]["message"]["content"]
        kept = viewer.get(f"/api/conversations/{answer['conversation']}").json()
        assert "21:15" in kept["turns"][0]["answer"]


def refused(client: httpx.Client, model: str, store: str) -> str:
    """What the service says about a search in that store."""
    tool = {"type": "file_search", "vector_store_ids": [store]}
    reply = client.post("/v1/responses", json={"model": model, "input": ASKED, "tools": [tool]})
    assert reply.status_code in (403, 404), reply.text
    return reply.text


def test_a_viewer_of_an_assistant_that_cites_nothing_is_told_no_document(server: ServerProcess) -> None:
    with server.client() as owner:
        body = {"slug": "mute", "name": "Mute", "instruction": "Be brief.", "citations": False}
        assert owner.post("/api/assistants", json=body).status_code == 201
        upload(owner, "mute", "hidden-name.md", b"The gates of Narva open at 05:40.\n")
        key = owner.post("/api/keys", json={"name": "mute", "role": "viewer"}).json()["secret"]
        assert ask(owner, "mute", "When do the gates of Narva open?")["retrieval"]["passages"]
    with server.client(key) as viewer:
        for question in ("When do the gates of Narva open?", "Who won the 1974 football world cup?"):
            whole = ask(viewer, "mute", question, conversation="new")
            assert whole["retrieval"]["status"] in ("used", "empty")
            told = [str(whole), viewer.get(f"/api/conversations/{whole['conversation']}").text]
            asked = {"model": "mute", "messages": [{"role": "user", "content": question}], "stream": True}
            told.append(viewer.post("/v1/chat/completions", json=asked).text)
            assert [text for text in told if "hidden-name" in text] == []
        assert "05:40" in str(ask(viewer, "mute", "When do the gates of Narva open?"))
