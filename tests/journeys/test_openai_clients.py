"""Programs written against OpenAI, with the packages that their authors use, against a real service."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.server import ServerProcess, upload
from tests.journeys.upstream import Upstream

CLIENTS = Path(__file__).parent / "clients"
FACT = b"# Gates\n\nThe Tallinn warehouse opens its gates at 05:40 on weekdays.\n"
MODELS = ("well", "calls", "writes", "slow", "refuses")


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


def run(command: list[str], service: ServerProcess) -> str:
    """Run a client program to its end; what it printed."""
    done = subprocess.run(
        [*command, f"{service.url}/v1", service.owner_key], capture_output=True, text=True, timeout=110
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
