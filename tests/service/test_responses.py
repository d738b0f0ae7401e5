"""Stored responses, and the telling of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.records import Caller, ResponseStatus, Role, StoredResponse
from service.routes.openai.items import items_of, search_item, turns_of, without_item
from service.routes.openai.narrator import Narrator, told_again
from service.store import Store
from service.store.conversations import new_turn
from service.store.responses import ResponseNotFound, new_response_id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def caller(store: Store) -> Caller:
    return Caller(team=store.teams.create(slug="one", name="One"), role=Role.VIEWER, member="mem_1")


@pytest.fixture
def assistant(store: Store, caller: Caller) -> str:
    return store.assistants.create(caller.team.id, slug="a", name="A", instruction="").id


def response(text: str = "the secret text", **more: Any) -> StoredResponse:
    ident = new_response_id()
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    body = {"id": ident, "status": "completed", "output": [message]}
    given: dict[str, Any] = {
        "id": ident,
        "status": ResponseStatus.COMPLETED,
        "body": body,
        "input": [],
        "previous_id": None,
        "created_at": datetime.now(UTC),
        "pieces": [[0, 3], [0, len(text) - 3]],
        "documents": ["doc_1"],
    }
    return StoredResponse(**(given | more))


def test_a_response_of_another_member_or_team_looks_like_one_that_does_not_exist(
    store: Store, caller: Caller, assistant: str
) -> None:
    kept = response()
    store.responses.add(caller, assistant, kept)
    other_team = store.teams.create(slug="two", name="Two")
    others = (
        replace(caller, member="mem_2"),
        replace(caller, team=other_team),
        replace(caller, assistants=frozenset({"asst_other"})),
    )
    for other in others:
        messages = set()
        for ident in (kept.id, "resp_none"):
            for touch in (store.responses.get, store.responses.chain, store.responses.delete):
                with pytest.raises(ResponseNotFound) as raised:
                    touch(other, ident)
                messages.add(str(raised.value).replace(ident, "…"))
        assert len(messages) == 1
        assert not store.responses.finish(other, kept)
    assert store.responses.get(caller, kept.id).body == kept.body


def test_what_a_restart_interrupted_is_marked_failed(store: Store, caller: Caller, assistant: str) -> None:
    running = response(status=ResponseStatus.IN_PROGRESS)
    store.responses.add(caller, assistant, running)
    assert store.responses.fail_interrupted() == 1
    found = store.responses.get(caller, running.id)
    assert (found.status, found.body["status"]) == ("failed", "failed")
    assert found.body["error"]["code"] == "interrupted"
    assert not store.responses.finish(caller, running)


def test_a_deleted_document_leaves_the_stored_responses(
    store: Store, caller: Caller, assistant: str, tmp_path: Path
) -> None:
    kept = response()
    store.responses.add(caller, assistant, kept)
    assert store.forget_document("team_other", "doc_1") == 0
    assert store.forget_document(caller.team.id, "doc_1") == 1
    store.database.forget_deleted()
    found = store.responses.get(caller, kept.id)
    assert "deleted" in found.body["output"][0]["content"][0]["text"]
    assert told_again(found.body, found.pieces)[-1]["type"] == "response.completed"
    for path in tmp_path.glob("records.sqlite*"):
        assert b"the secret text" not in path.read_bytes()


def test_a_chain_goes_back_as_far_as_it_is_kept(store: Store, caller: Caller, assistant: str) -> None:
    first = response()
    second = response(previous_id=first.id)
    third = response(previous_id=second.id)
    for each in (first, second, third):
        store.responses.add(caller, assistant, each)
    assert [each.id for each in store.responses.chain(caller, third.id)] == [first.id, second.id, third.id]
    store.responses.delete(caller, first.id)
    assert [each.id for each in store.responses.chain(caller, third.id)] == [second.id, third.id]


def test_a_response_is_told_again_as_it_was_told() -> None:
    narrator = Narrator({"id": "resp_1", "status": "queued", "output": [], "error": None, "usage": None})
    told = narrator.begins()
    told += narrator.searched(search_item("fs_1", ["q"]))
    for piece in ("Fif", "teen ", "[1]."):
        told += narrator.text("msg_1", piece)
    told += narrator.call("fc_1", "call_1", "weather", "")
    told += narrator.call("fc_1", "call_1", "weather", '{"city": "Tallinn"}')
    told += narrator.aside({"id": "conf_1", "type": "mcp_approval_request"})
    told += narrator.ends(
        "msg_1", [{"type": "file_citation", "index": 8}], {"status": "completed", "usage": {}}
    )
    again = told_again(narrator.body, narrator.pieces)
    assert [(event["type"], event["sequence_number"]) for event in again] == [
        (event["type"], event["sequence_number"]) for event in told
    ]
    assert again[-1]["response"]["output"] == narrator.body["output"]


def test_items_and_turns_say_the_same() -> None:
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "12 degrees"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Cold."}]},
    ]
    [turn] = turns_of(items)
    assert (turn.question, turn.answer) == ("Weather?", "Cold.")
    assert [item["type"] for item in items_of(turn)] == [item["type"] for item in items]
    for item in items_of(turn):
        left = [each["type"] for each in items_of(without_item(turn, item["id"]))]
        assert left == [each["type"] for each in items_of(turn) if each["id"] != item["id"]]


def test_an_answer_of_before_there_were_items_still_has_some() -> None:
    turn = new_turn(question="Q?", answer="A.", citations=[], retrieval={"status": "used"}, model="quote")
    assert [item["type"] for item in items_of(turn)] == ["message", "file_search_call", "message"]
