"""From a fresh installation to a cited answer, through real processes."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml

from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess, ask, settled, upload

EXAMPLES = Path(__file__).parents[2] / "instructions" / "examples"
# Not in the examples: whatever answers with it has it from the upload.
SECRET = "The Zephyrine warehouse in Tallinn opens its gates at 05:40 on weekdays."


@pytest.fixture
def fresh(tmp_path: Path, models: Path) -> Iterator[ServerProcess]:
    """A service of this test's own, without the examples: it is killed and searched."""
    process = ServerProcess(tmp_path / "data", models, DOUMI_EXAMPLES="off")
    yield process
    process.stop()


def new_assistant(client: httpx.Client, slug: str = "mine", **more: Any) -> str:
    body = {"slug": slug, "name": "Mine", "instruction": "<persona>You are brief.</persona>"} | more
    reply = client.post("/api/assistants", json=body)
    assert reply.status_code == 201, reply.text
    return slug


def answer_of(reply: dict[str, Any]) -> str:
    text: str = reply["choices"][0]["message"]["content"]
    return text


def test_the_printed_request_is_answered_with_the_right_file_and_page(server: ServerProcess) -> None:
    lines = "".join(server.said)
    command = lines[lines.index("curl") : lines.index("API documentation")]
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    reply = json.loads(said.stdout)
    first = reply["citations"][0]
    assert first["document"]["name"] == "employee-handbook.pdf"
    assert first["page"] == 5
    assert "[1]" in answer_of(reply)


def test_the_owner_key_is_printed_once_and_kept_for_its_owner_alone(server: ServerProcess) -> None:
    assert server.owner_key in "".join(server.said)
    mode = stat.S_IMODE((server.data / "owner.key").stat().st_mode)
    assert oct(mode) == oct(0o600)


@pytest.mark.parametrize("slug", ["handbook", "regulations"])
def test_the_examples_are_answered_from_the_right_page(server: ServerProcess, slug: str) -> None:
    cases = yaml.safe_load((EXAMPLES / f"{slug}.tests.yaml").read_text())["tests"]
    questions = {case["id"]: case["question"] for case in cases}
    right, wrong = 0, []
    with server.client() as client:
        for case in cases:
            earlier = questions.get(case.get("after"))
            messages = [{"role": "user", "content": case["question"]}]
            if earlier:
                answer = answer_of(ask(client, slug, earlier))
                messages = [
                    {"role": "user", "content": earlier},
                    {"role": "assistant", "content": answer},
                    *messages,
                ]
            reply = ask(client, slug, case["question"], messages=messages)
            if is_right(case, reply):
                right += 1
            else:
                wrong.append(f"{case['id']}: {answer_of(reply)!r}")
    # No language model is connected: quoting alone cannot be right about everything.
    assert right >= 0.8 * len(cases), "\n".join(wrong)


def is_right(case: dict[str, Any], reply: dict[str, Any]) -> bool:
    if case.get("answerable") is False:
        return not reply["citations"]
    on_page = any(
        citation["document"]["name"] == case["document"]
        and citation["page"] == case.get("page", citation["page"])
        for citation in reply["citations"]
    )
    return on_page and "".join(case["expect"].split()) in "".join(answer_of(reply).split())


def test_the_openai_sdk_lists_models_chats_streams_and_reads_citations(server: ServerProcess) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key) as client:
        assert "handbook" in [model.id for model in client.models.list()]
        question = {"role": "user", "content": "What is the core time for full-time employees?"}
        whole = client.chat.completions.create(model="handbook", messages=[question])
        annotations = whole.choices[0].message.annotations
        assert annotations
        assert "employee-handbook.pdf, page 4" in [each.url_citation.title for each in annotations]
        assert whole.model_extra["retrieval"]["status"] == "used"
        stream = client.chat.completions.create(
            model="handbook", messages=[question], stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices for chunk in chunks[-1:]] == [[]]
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-2].model_extra["citations"] == whole.model_extra["citations"]


def test_an_unknown_assistant_is_an_error_that_the_sdk_understands(server: ServerProcess) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as raised:
            client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "?"}])
        assert raised.value.code == "model_not_found"
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-doumi-wrong").models.list()


def test_a_conversation_is_kept_and_followed(server: ServerProcess) -> None:
    with server.client() as client:
        first = ask(
            client,
            "handbook",
            "How many days of annual leave do I have after five completed years of service?",
            conversation="new",
        )
        conversation = first["conversation"]
        second = ask(client, "handbook", "And for part-timers?", conversation=conversation)
        assert second["conversation"] == conversation
        assert "leave" in second["retrieval"]["query"]
        assert "120 hours" in answer_of(second)
        kept = client.get(f"/api/conversations/{conversation}").json()
        assert [turn["answer"] for turn in kept["turns"]] == [answer_of(first), answer_of(second)]
        assert client.delete(f"/api/conversations/{conversation}").status_code == 204
        assert client.get(f"/api/conversations/{conversation}").status_code == 404


def test_a_question_that_the_files_do_not_answer_is_declined(server: ServerProcess) -> None:
    with server.client() as client:
        reply = ask(client, "handbook", "What is the boiling point of tungsten in kelvin?")
    assert reply["citations"] == []
    assert reply["retrieval"]["status"] == "empty"
    assert reply["retrieval"]["reason"]


def test_an_upload_is_watched_until_it_is_ready_and_then_answers(server: ServerProcess) -> None:
    pages = [f"Section {n}. Plain filler about shelving and pallets, part {n}." for n in range(1, 31)]
    pages[16] = SECRET
    with server.client() as client:
        slug = new_assistant(client, "watched")
        files = {"file": ("창고 안내.pdf", pdf_of(pages))}
        document = client.post(f"/api/assistants/{slug}/documents", files=files).json()
        assert document["status"] == "queued"
        seen = []
        events = f"/api/assistants/{slug}/documents/{document['id']}/events"
        with client.stream("GET", events) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
        assert seen[-1]["status"] == "ready"
        assert seen[-1]["name"] == "창고 안내.pdf"
        assert seen[-1]["pages"] == 30
        reply = ask(client, slug, "When does the Zephyrine warehouse in Tallinn open?")
        assert "05:40" in answer_of(reply)
        assert reply["citations"][0]["page"] == 17
        assert reply["citations"][0]["verdict"] == "supported"


def test_a_deleted_document_is_in_no_answer_no_search_and_no_file(
    fresh: ServerProcess, tmp_path: Path
) -> None:
    fresh.start()
    with fresh.client() as client:
        slug = new_assistant(client)
        document = upload(client, slug, "gates.md", f"# Gates\n\n{SECRET}\n".encode())
        kept = upload(client, slug, "other.md", b"# Other\n\nThe canteen serves soup on Mondays.\n")
        asked = "When does the Zephyrine warehouse in Tallinn open?"
        before = ask(client, slug, asked, conversation="new")
        assert "05:40" in answer_of(before)
        receipt = client.delete(f"/api/assistants/{slug}/documents/{document['id']}").json()
        assert receipt["removed"]["chunks"] >= 1
        assert receipt["removed"]["stored_answers"] == 1
        assert "05:40" not in json.dumps(ask(client, slug, asked))
        found = client.post(f"/api/assistants/{slug}/search", json={"query": asked}).json()
        assert "05:40" not in json.dumps(found)
        turns = client.get(f"/api/conversations/{before['conversation']}").json()
        assert "05:40" not in json.dumps(turns)
        assert client.get(f"/api/assistants/{slug}/documents/{kept['id']}").json()["status"] == "ready"
    holders = files_holding(fresh.data, b"05:40", b"Zephyrine warehouse in Tallinn opens")
    assert holders == []
    fresh.stop()
    assert files_holding(fresh.data, b"05:40", b"Zephyrine warehouse in Tallinn opens") == []


def files_holding(folder: Path, *needles: bytes) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


# Many short pages take long to read, few long ones take long to embed.
@pytest.mark.parametrize(("stage", "pages", "sentences"), [("reading", 800, 1), ("embedding", 60, 40)])
def test_a_killed_service_finishes_the_upload_by_itself_exactly_once(
    fresh: ServerProcess, stage: str, pages: int, sentences: int
) -> None:
    texts = [f"Shelf {n} holds part {n * 7}. " * sentences for n in range(1, pages + 1)]
    content = pdf_of(texts)
    fresh.start()
    with fresh.client() as client:
        slug = new_assistant(client)
        reply = client.post(f"/api/assistants/{slug}/documents", files={"file": ("big.pdf", content)})
        document = reply.json()
        wait_for_stage(client, slug, document["id"], stage)
    fresh.kill()
    fresh.start()
    with fresh.client() as client:
        done = settled(client, slug, document["id"])
        assert (done["status"], done["pages"]) == ("ready", pages)
        listed = client.get(f"/api/assistants/{slug}/documents").json()["data"]
        assert [each["id"] for each in listed] == [document["id"]]
        # The same file elsewhere, undisturbed, ends in the same number of chunks.
        control = upload(client, new_assistant(client, "control"), "big.pdf", content)
        assert control["chunks"] == done["chunks"]
        found = client.post(f"/api/assistants/{slug}/search", json={"query": "Shelf 37", "k": 5}).json()
        places = [(passage["page"], passage["text"]) for passage in found["passages"]]
        assert places
        assert len(places) == len(set(places))


def wait_for_stage(client: httpx.Client, slug: str, document_id: str, stage: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        document = client.get(f"/api/assistants/{slug}/documents/{document_id}").json()
        at = document["progress"]
        moving = at["pages_read"] if stage == "reading" else at["chunks_embedded"]
        assert document["status"] in ("queued", "reading", "embedding"), "too quick to be killed"
        if document["status"] == stage and moving:
            return
        time.sleep(0.005)
    raise AssertionError(f"never {stage}")


def test_a_second_start_keeps_everything_and_tells_no_secret(fresh: ServerProcess) -> None:
    fresh.start()
    with fresh.client() as client:
        slug = new_assistant(client)
        upload(client, slug, "gates.md", SECRET.encode())
    key = fresh.owner_key
    assert fresh.stop() == 0
    fresh.start()
    assert key not in "".join(fresh.said)
    with fresh.client() as client:
        assert "05:40" in answer_of(ask(client, slug, "When does the Zephyrine warehouse open?"))


def test_two_services_do_not_share_a_data_folder(fresh: ServerProcess, models: Path) -> None:
    fresh.start()
    other = ServerProcess(fresh.data, models)
    with pytest.raises(AssertionError, match="DOUMI_DATA"):
        other.start()


def test_the_same_name_updates_in_place(server: ServerProcess) -> None:
    text = "\n\n".join(f"## Rule {n}\n\nRule {n} speaks about topic {n * 11} at length." for n in range(40))
    with server.client() as client:
        slug = new_assistant(client, "updated")
        first = upload(client, slug, "rules.md", text.encode())
        changed = text.replace("Rule 7 speaks about topic 77", "Rule 7 was replaced by the Walnut rule")
        second = upload(client, slug, "rules.md", changed.encode())
        assert second["id"] == first["id"]
        assert second["progress"]["chunks_reused"] > 0
        assert "Walnut" in answer_of(ask(client, slug, "What replaced Rule 7?"))
        again = client.post(
            f"/api/assistants/{slug}/documents", files={"file": ("rules.md", changed.encode())}
        )
        assert again.json()["status"] == "ready"  # the same content: nothing to do


def test_teams_keys_without_the_role_are_refused(server: ServerProcess, models: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "service.cli", "key", "create", "--role", "viewer"],
        env={"DOUMI_DATA": str(server.data), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    with server.client(made.stdout.strip()) as viewer:
        assert viewer.post("/api/assistants", json={"slug": "x"}).status_code == 403
        assert viewer.get("/api/assistants/handbook").json()["instruction"] is None
        assert viewer.post("/api/assistants/handbook/search", json={"query": "leave"}).status_code == 403
        assert ask(viewer, "handbook", "What is the core time for full-time employees?")["citations"]
