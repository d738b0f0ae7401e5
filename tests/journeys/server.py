"""A real server process for the journeys: started, talked to over HTTP, killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

READY = "Ctrl-C stops."
_START_S = 180  # the very first start converts the embedder
_STOP_S = 20


class ServerProcess:
    """`doumi serve` on a free port, with a data folder of its own."""

    def __init__(self, data: Path, models: Path | None, **environment: str) -> None:
        self.data = data
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        data.mkdir(parents=True, exist_ok=True)
        if models is not None and not (data / "models").exists():
            (data / "models").symlink_to(models, target_is_directory=True)

    def start(self, *, wait_for: str = READY) -> "ServerProcess":
        """Start, and wait until a line that holds `wait_for` was printed."""
        self.said = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            env=_clean(os.environ)
            | {
                "DOUMI_DATA": str(self.data),
                "DOUMI_PORT": str(self.port),
                "HF_HUB_OFFLINE": "1",
                "PYTHONUNBUFFERED": "1",
            }
            | self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        deadline = time.monotonic() + _START_S
        while not any(wait_for in line for line in self.said):
            assert self._process.poll() is None, "the server ended:\n" + "".join(self.said)
            assert time.monotonic() < deadline, "the server is not ready:\n" + "".join(self.said)
            time.sleep(0.05)
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def login_url(self) -> str:
        """The link that the start printed."""
        return _first(r"Sign in:\s+(\S+)", self.said)

    @property
    def owner_key(self) -> str:
        return (self.data / "owner.key").read_text().strip()

    def client(self, key: str | None = None) -> httpx.Client:
        """A client that signs its requests with the owner key, or another."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key or self.owner_key}"},
            timeout=60,
            trust_env=False,
        )

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=_STOP_S)

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.said.append(line)


def upload(client: httpx.Client, slug: str, name: str, content: bytes) -> dict[str, Any]:
    """Upload a file and wait until it is ready or failed."""
    reply = client.post(f"/api/assistants/{slug}/documents", files={"file": (name, content)})
    assert reply.status_code == 202, reply.text
    return settled(client, slug, reply.json()["id"])


def settled(client: httpx.Client, slug: str, document_id: str, *, within_s: float = 90) -> dict[str, Any]:
    """The document, once it is ready or failed."""
    return settled_at(client, f"/api/assistants/{slug}/documents/{document_id}", within_s=within_s)


def settled_at(client: httpx.Client, address: str, *, within_s: float = 90) -> dict[str, Any]:
    """The document at an address, once it is ready or failed."""
    deadline = time.monotonic() + within_s
    while True:
        document: dict[str, Any] = client.get(address).json()
        if document["status"] in ("ready", "failed"):
            return document
        assert time.monotonic() < deadline, document
        time.sleep(0.05)


def ask(client: httpx.Client, slug: str, question: str, **more: Any) -> dict[str, Any]:
    """A whole chat completion."""
    body = {"model": slug, "messages": [{"role": "user", "content": question}]} | more
    reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    ours = ("DOUMI_", "INSTRUCTIONS_DIR", "KNOWLEDGE_DIR", "OPENAI_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


def _first(pattern: str, lines: list[str]) -> str:
    found = re.search(pattern, "".join(lines))
    assert found, "".join(lines)
    return found.group(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
