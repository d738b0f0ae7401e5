"""Programs of the retired Assistants API, with the newest SDK: only the address and the key were changed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.journeys import openai_assistants
from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess, ask
from tests.journeys.test_command_line import doumi
from tests.journeys.test_openai_clients import CLIENTS, install_js, old_python, run
from tests.journeys.upstream import Upstream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PDF = pdf_of(
    [
        "Warehouse manual. This page says who wrote it and when.",
        "Gates. The Tallinn warehouse opens its gates at 05:40 on weekdays.",
    ]
)


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        yield client


def test_the_file_search_program_runs_unchanged(client: openai.OpenAI) -> None:
    openai_assistants.file_search(client, PDF)


def test_the_streaming_program_runs_unchanged(client: openai.OpenAI) -> None:
    openai_assistants.streaming(client, PDF)


def test_what_the_assistants_api_cannot_do_here_is_said(client: openai.OpenAI) -> None:
    openai_assistants.refusals(client)


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("assistants") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:pairs",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_MODEL_API_KEY="sk-x",
        ).start()
        yield process
        process.stop()


def test_the_function_program_runs_unchanged(connected: ServerProcess) -> None:
    with openai.OpenAI(base_url=f"{connected.url}/v1", api_key=connected.owner_key) as client:
        openai_assistants.functions(client)


def test_an_assistant_of_either_side_is_an_assistant_of_both(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    made = client.beta.assistants.create(
        name="Harbour Master!", instructions="Be brief.", model="gpt-4o", tools=[{"type": "file_search"}]
    )
    (store,) = made.tool_resources.file_search.vector_store_ids
    client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("gates.pdf", PDF))
    with server.client() as page:
        shown = page.get("/api/assistants/harbour-master").json()
        assert (shown["id"], shown["name"]) == (made.id, "Harbour Master!")
        assert "Be brief." in shown["instruction"]
        answer = ask(page, "harbour-master", openai_assistants.QUESTION)
        assert "05:40" in answer["choices"][0]["message"]["content"]
        page.put("/api/assistants/harbour-master", json={"instruction": "Be very brief."})
    assert client.beta.assistants.retrieve(made.id).instructions == "Be very brief."
    handbook = client.beta.assistants.retrieve("handbook")
    assert handbook.id in [each.id for each in client.beta.assistants.list(limit=2)]
    run = client.beta.threads.create_and_run_poll(
        assistant_id=handbook.id,
        thread={"messages": [{"role": "user", "content": "What is the core time for full-time employees?"}]},
        poll_interval_ms=50,
    )
    (said,) = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    assert "10:00" in said.content[0].text.value
    assert client.files.retrieve(said.content[0].text.annotations[0].file_citation.file_id).filename
    client.beta.assistants.delete(made.id)


def test_another_teams_threads_and_assistants_look_like_things_that_do_not_exist(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    made = doumi("team", "create", "thread-rivals", server=server)
    assert made.returncode == 0, made.stderr
    assistant = client.beta.assistants.create(name="Vault keeper", model="gpt-4o", tools=[])
    content = "The vault opens with the word Kalevipoeg."
    thread = client.beta.threads.create(messages=[{"role": "user", "content": content}])
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50
    )
    (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=thread.id).data
    (message,) = client.beta.threads.messages.list(thread.id, run_id=run.id).data
    real = {"asst": assistant.id, "thread": thread.id, "run": run.id, "step": step.id, "msg": message.id}
    nowhere = {kind: name[:-24] + "0" * 24 for kind, name in real.items()}
    with server.client(made.stdout.strip()) as theirs:
        own = theirs.post("/v1/threads", json={}).json()["id"]
        for method, path, body in _requests(own):
            replies = []
            for names in (real, nowhere):
                sent = {key: value.format(**names) for key, value in body.items()} if body else None
                reply = theirs.request(method, path.format(**names), json=sent)
                text = reply.text
                for kind, name in names.items():
                    text = text.replace(name, kind)
                replies.append((reply.status_code, text))
            assert replies[0] == replies[1], (method, path)
            assert replies[0][0] == 404, (method, path, replies[0])
            assert "Kalevipoeg" not in replies[0][1]
        assert theirs.get("/v1/assistants").json()["data"] == []
    client.beta.assistants.delete(assistant.id)


def _requests(own_thread: str) -> list[tuple[str, str, dict[str, str] | None]]:
    thread, assistant = "/v1/threads/{thread}", "/v1/assistants/{asst}"
    run = thread + "/runs/{run}"
    return [
        ("GET", assistant, None),
        ("POST", assistant, {"name": "Stolen"}),
        ("DELETE", assistant, None),
        ("POST", "/v1/threads/runs", {"assistant_id": "{asst}"}),
        ("POST", f"/v1/threads/{own_thread}/runs", {"assistant_id": "{asst}"}),
        ("GET", thread, None),
        ("POST", thread, {"unknown": "x"}),
        ("DELETE", thread, None),
        ("GET", thread + "/messages", None),
        ("POST", thread + "/messages", {"role": "user", "content": "x"}),
        ("GET", thread + "/messages/{msg}", None),
        ("GET", f"/v1/threads/{own_thread}/messages/{{msg}}", None),
        ("DELETE", thread + "/messages/{msg}", None),
        ("GET", thread + "/runs", None),
        ("POST", thread + "/runs", {"assistant_id": "{asst}"}),
        ("GET", run, None),
        ("GET", f"/v1/threads/{own_thread}/runs/{{run}}", None),
        ("POST", run + "/cancel", None),
        ("GET", run + "/steps", None),
        ("GET", run + "/steps/{step}", None),
    ]


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("manuals") / "창고.pdf"
    path.write_bytes(PDF)
    return str(path)


def test_programs_with_the_first_line_of_the_openai_package_run_unchanged(
    server: ServerProcess, connected: ServerProcess, pdf: str, request: pytest.FixtureRequest
) -> None:
    python = old_python(request.config.cache.mkdir("openai-1"))
    for program, service in (("searches", server), ("functions", connected)):
        assert "openai 1." in run([str(python), str(CLIENTS / "stores.py"), program, pdf], service)


def test_programs_with_the_openai_package_of_npm_run_unchanged(
    server: ServerProcess, connected: ServerProcess, pdf: str, request: pytest.FixtureRequest
) -> None:
    folder = request.config.cache.mkdir("openai-js")
    install_js(folder)
    for program, service in (("searches", server), ("functions", connected)):
        command = ["node", str(CLIENTS / "stores.mjs"), program, pdf]
        assert "all passed" in run(command, service, cwd=folder)


def test_an_exported_assistant_is_taken_over_with_a_report(
    server: ServerProcess, client: openai.OpenAI, tmp_path: Path
) -> None:
    exported = {
        "id": "asst_abc123",
        "object": "assistant",
        "created_at": 1698984975,
        "name": "Gate keeper",
        "description": "창고 안내",
        "model": "gpt-4-turbo",
        "instructions": "Answer from the manuals.\n\n### Tone\nBrief.",
        "tools": [{"type": "code_interpreter"}, {"type": "file_search"}, openai_assistants.WEATHER],
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_abc123"]}},
        "metadata": {"owner": "harbour"},
        "temperature": 0.2,
    }
    (tmp_path / "asst.json").write_text(json.dumps(exported))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "gates.pdf").write_bytes(PDF)
    command = ("import-assistant", str(tmp_path / "asst.json"), "--files", str(tmp_path / "files"))
    ran = doumi(*command, server=server)
    assert ran.returncode == 0, ran.stderr
    assert "is the assistant gate-keeper" in ran.stdout
    taken, _, left_out = ran.stdout.partition("Left out")
    assert "get_weather" in taken
    assert "file_search" in taken
    assert "instructions" in taken
    assert "code_interpreter" in left_out
    assert "vs_abc123" in left_out
    made = client.beta.assistants.retrieve("gate-keeper")
    assert made.instructions == exported["instructions"]
    assert [tool.type for tool in made.tools] == ["file_search", "function"]
    assert (made.temperature, made.metadata, made.description) == (0.2, {"owner": "harbour"}, "창고 안내")
    with server.client() as page:
        answer = ask(page, "gate-keeper", openai_assistants.QUESTION)
    assert "05:40" in answer["choices"][0]["message"]["content"]
    client.beta.assistants.delete(made.id)
    (tmp_path / "asst.json").write_text('{"object": "thread"}')
    refused = doumi(*command, server=server)
    assert refused.returncode == 1
    assert "no exported assistant" in refused.stderr


def test_text_that_is_no_text_and_exports_that_are_none_are_refused(server: ServerProcess) -> None:
    broken = '{"messages": [{"role": "user", "content": [{"type": "text", "text": "\\ud800"}]}]}'
    odd = {"tools": [{"type": "function", "function": "f"}], "tool_resources": {"code_interpreter": "x"}}
    with server.client() as client:
        headers = {"content-type": "application/json"}
        reply = client.post("/v1/threads", content=broken, headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_text")
        report = client.post("/v1/assistants/import", json=odd)
        assert report.status_code == 200
        client.delete(f"/v1/assistants/{report.json()['assistant']['id']}")
