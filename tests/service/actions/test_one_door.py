"""Nothing but the door opens a connection that a spec, a document or a model could steer."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONNECTS = re.compile(
    r"^\s*(?:from|import)\s+(?:httpx2?|httpcore2?|requests|aiohttp|urllib3|http\.client|websockets?|ftplib|smtplib|telnetlib|"
    r"xmlrpc|socket|urllib\.request|openai|langchain_openai|fastmcp|mcp\.client|pycurl|paramiko|asyncssh|grpc)\b"
    r"|open_connection\(|create_connection\(|connect_tcp\(",
    re.MULTILINE,
)
# Each with the reason why it may: who decides where it connects to.
MAY = {
    "service/actions/egress.py": "the door itself",
    "service/actions/mcp.py": "the MCP client: HTTP over the door's transport, commands that the operator named",
    "service/completions.py": "the model's provider, named by the operator's settings",
    "service/doctor.py": "asks the operator's own service whether it is up",
    "service/model.py": "the model's provider, named by the operator's settings",
    "service/serving.py": "listens; connects to nothing",
    "service/terminal.py": "the command line, which talks to the operator's own service",
    "service/importing.py": "the command line, too",
    "service/syncing.py": "the command line, too",
    "knowledge/conversion.py": "looks whether the hub is reachable, then fetches the embedder that the operator named",
    "knowledge/embeddings.py": "the embedder's endpoint, named by the operator's settings",
}


def connecting() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in ("service", "ingest", "knowledge", "instructions")
        for path in (ROOT / package).rglob("*.py")
        if CONNECTS.search(path.read_text())
    }


def test_only_these_files_know_a_library_that_connects() -> None:
    assert connecting() <= set(MAY), "send it through service/actions/egress.py, or say here why not"


@pytest.mark.parametrize("path", MAY)
def test_no_exception_outlives_its_reason(path: str) -> None:
    assert path in connecting()
