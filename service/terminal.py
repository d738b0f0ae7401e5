"""The command line as a client of the running service, over the same API that everybody has."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from service.examples import OWNER_KEY_FILE
from service.settings import Settings

_POLL_S = 0.2
_QUIT = {"exit", "quit", "/exit", "/quit", "/q", "끝", "종료"}


@contextmanager
def connect(settings: Settings, url: str | None, key: str | None) -> Iterator[httpx.Client]:
    """A client of the running service, with the key given or the first owner key of the data folder."""
    kept = settings.data / OWNER_KEY_FILE
    secret = key or (settings.bootstrap_key.get_secret_value() if settings.bootstrap_key else None)
    if secret is None and kept.is_file():
        secret = kept.read_text().strip()
    if not secret:
        raise click.ClickException("Which key? Set DOUMI_KEY, or run this where the data folder is.")
    with httpx.Client(
        base_url=url or settings.url,
        headers={"Authorization": f"Bearer {secret}"},
        timeout=httpx.Timeout(30, read=300),
        trust_env=False,
    ) as client:
        try:
            checked(client.get("/api/session"))
        except httpx.HTTPError:
            raise click.ClickException(
                f"No service answers at {client.base_url}. Start it with “doumi serve”, or set DOUMI_URL."
            ) from None
        yield client


def ingest_folder(client: httpx.Client, folder: Path, place: str) -> int:
    """Upload every file below `folder` and show the reading; the exit code, 1 when a file failed.

    `place` is the address of an assistant or of a knowledge base.
    """
    checked(client.get(place))
    paths = [folder] if folder.is_file() else sorted(files_below(folder))
    if not paths:
        raise click.ClickException(f"There are no files in {folder}.")
    console = Console(stderr=True)
    failures: dict[str, str] = {}
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=console) as progress:
        for path in paths:
            task = progress.add_task(escape(path.name), total=None, state="uploading")
            try:
                document = _upload(client, place, path)
                document = _watch(client, place, document, progress, task)
            except click.ClickException as error:
                document = {"status": "failed", "error": error.message}
            if document["status"] == "failed":
                failures[str(path)] = document["error"]
                progress.update(task, total=1, completed=0, state="[red]failed")
            else:
                done += 1
                state = f"[green]ready[/] · {document['pages']} pages, {document['chunks']} passages"
                progress.update(task, total=1, completed=1, state=state)
    for name, reason in failures.items():
        console.print(f"[red]{escape(name)}[/]: {escape(reason)}")
    console.print(f"{done} of {len(paths)} files are ready.")
    return 1 if failures else 0


def chat_with(client: httpx.Client, slug: str) -> int:
    """Questions from standard input, answers streamed, until the input ends; the exit code."""
    assistant = checked(client.get(f"/api/assistants/{slug}"))
    console = Console(highlight=False)
    console.print(f"[bold]{escape(assistant['name'])}[/]  {escape(assistant['description'])}")
    for starter in assistant["starters"]:
        console.print(f"  · {escape(starter)}", style="dim")
    console.print("An empty line or Ctrl-D ends.", style="dim")
    conversation = "new"
    while True:
        try:
            question = console.input("\n[bold]›[/] ").strip() if sys.stdin.isatty() else input().strip()
        except (EOFError, KeyboardInterrupt):
            return 0
        if not question or question.lower() in _QUIT:
            return 0
        try:
            conversation = _ask(client, console, slug, conversation, question)
        except click.ClickException as error:
            console.print(f"\n[red]{escape(error.message)}[/]")


def _ask(client: httpx.Client, console: Console, slug: str, conversation: str, question: str) -> str:
    body = {
        "model": slug,
        "stream": True,
        "conversation": conversation,
        "messages": [{"role": "user", "content": question}],
    }
    with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        if reply.status_code >= 400:
            reply.read()
            checked(reply)
        for chunk in _events(reply):
            if "error" in chunk:
                raise click.ClickException(chunk["error"]["message"])
            conversation = chunk.get("conversation") or conversation
            for choice in chunk["choices"]:
                console.print(escape(choice["delta"].get("content") or ""), end="", soft_wrap=True)
            _print_sources(console, chunk)
    console.print()
    return conversation


def _print_sources(console: Console, chunk: dict[str, Any]) -> None:
    retrieval = chunk.get("retrieval")
    if retrieval and retrieval["status"] != "used" and retrieval.get("reason"):
        console.print(f"({escape(retrieval['reason'])})", style="dim")
    seen: set[int] = set()
    for citation in chunk.get("citations") or ():
        if citation["label"] in seen:
            continue
        seen.add(citation["label"])
        mark = "" if citation["verdict"] == "supported" else f"  ({citation['verdict']})"
        place = f"{citation['document']['name']}, {citation['locator']}{mark}"
        console.print(f"\n  \\[{citation['label']}] {escape(place)}", style="cyan", end="", soft_wrap=True)
        quote = " ".join(citation["quote"].split())
        console.print(f"\n      “{escape(quote)}”", style="dim", end="", soft_wrap=True)


def _events(reply: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in reply.iter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line[6:])


def files_below(folder: Path) -> Iterator[Path]:
    """Every file but the hidden ones."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _upload(client: httpx.Client, place: str, path: Path) -> dict[str, Any]:
    with path.open("rb") as content:
        files = {"file": (path.name, content)}
        document: dict[str, Any] = checked(client.post(f"{place}/documents", files=files))
        return document


def _watch(
    client: httpx.Client, place: str, document: dict[str, Any], progress: Progress, task: TaskID
) -> dict[str, Any]:
    while document["status"] not in ("ready", "failed"):
        time.sleep(_POLL_S)
        document = checked(client.get(f"{place}/documents/{document['id']}"))
        at = document["progress"]
        if document["status"] == "embedding":
            state = f"embedding {at['chunks_embedded']}/{at['chunks_total'] or '?'}"
            progress.update(task, total=at["chunks_total"], completed=at["chunks_embedded"], state=state)
        else:
            state = f"{document['status']} page {at['pages_read']}/{at['pages_total'] or '?'}"
            progress.update(task, total=at["pages_total"], completed=at["pages_read"], state=state)
    return document


def checked(reply: httpx.Response) -> Any:
    """What the reply holds. Raises ClickException with the sentence of an error."""
    if reply.is_success:
        return reply.json()
    try:
        message = reply.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"The service answered with status {reply.status_code}."
    raise click.ClickException(message)
