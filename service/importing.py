"""Taking over an assistant that was exported from OpenAI, as a client of the running service."""

import json
from pathlib import Path
from typing import Any

import click
import httpx

from service.terminal import checked, ingest_folder

_LARGEST = 4 * 1024 * 1024  # bytes of an exported assistant


def import_file(client: httpx.Client, path: Path, files: Path | None) -> int:
    """Make the assistant, say what was taken and what was not, upload its files; the exit code."""
    report: dict[str, Any] = checked(client.post("/v1/assistants/import", json=_exported(path)))
    made = report["assistant"]
    click.echo(f"{made['name']} is the assistant {made['slug']}.")
    for heading, lines in (("Taken", report["taken"]), ("Left out", report["left_out"])):
        click.echo(f"{heading}:" if lines else f"{heading}: nothing")
        for line in lines:
            click.echo(f"  {line}")
    return ingest_folder(client, files, f"/api/assistants/{made['slug']}") if files else 0


def _exported(path: Path) -> dict[str, Any]:
    """The JSON in the file: of a retrieved assistant, or of a list that holds just one."""
    if path.stat().st_size > _LARGEST:
        raise click.ClickException(f"{path} is too large for an assistant; save the JSON of one only.")
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise click.ClickException(
            f"{path} is no JSON: save what GET /v1/assistants/ID replied at OpenAI."
        ) from None
    data = found.get("data") if isinstance(found, dict) else None
    if isinstance(data, list) and len(data) == 1:
        found = data[0]
    if not isinstance(found, dict) or found.get("object") != "assistant":
        raise click.ClickException(
            f"{path} is no exported assistant: save what GET /v1/assistants/ID replied at OpenAI."
        )
    return found
