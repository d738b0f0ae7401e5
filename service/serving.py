"""Running the service in the foreground, and what it says when it is up."""

import asyncio
import errno
import json
import logging
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import uvicorn

from knowledge.documents import DocumentStatus
from service.app import create_app
from service.examples import OWNER_KEY_FILE, ensure_first_team
from service.installation import Installation
from service.instruction import instruction_of
from service.settings import Settings
from service.store import Store
from service.store.assistants import AssistantNotFound

_LINK_LASTS = timedelta(hours=12)
_EXAMPLES_WAIT_S = 300
_TRY_WITH = "handbook"


class _Server(uvicorn.Server):
    """Says what to do next as soon as requests are answered."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            threading.Thread(target=self._announce, name="announce", daemon=True).start()


def serve(settings: Settings) -> int:
    """Serve until a signal comes; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        listener = _listen(settings)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        why = "is taken by another program" if busy else f"cannot be used ({error.strerror})"
        print(
            f"Port {settings.port} on {settings.host} {why}. Choose another with DOUMI_PORT=8001.",
            file=sys.stderr,
        )
        return 1
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=3,
        # Clients let a quiet connection go after 5 seconds (httpx). If the service does so at the same
        # moment, a request is sometimes sent into a connection that is just being closed.
        timeout_keep_alive=75,
        server_header=False,
        proxy_headers=settings.public_url is not None,
    )
    server = _Server(config, lambda: _announce(app.state.installation))
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))
    if server.started:
        print("\nDoumi has stopped. Everything is kept; unfinished documents go on at the next start.")
        return 0
    return 1


def login_link(settings: Settings, store: Store) -> str:
    """An address that signs its reader in once, as owner of the first team. Raises LookupError."""
    team = store.teams.by_slug("example")
    owner = store.members.first_owner(team.id) if team else None
    if team is None or owner is None:
        raise LookupError("No team yet: “doumi serve” makes the first one.")
    token = store.sessions.login_link_token(team.id, owner, lasts=_LINK_LASTS)
    # Behind "#", so that the token is in no server's log.
    return f"{settings.url}/#login={token}"


def _listen(settings: Settings) -> socket.socket:
    """The port is taken before anything is opened, so that two services never share a data folder's port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, or asyncio does not switch Nagle's algorithm off and every first token waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    listener.listen(2048)
    return listener


def _announce(here: Installation) -> None:
    first = ensure_first_team(here)
    settings = here.settings
    say = [f"\n  Doumi is up: {settings.url}"]
    say.append(f"  Sign in:     {login_link(settings, here.store)}   (works once)")
    key_file = settings.data / OWNER_KEY_FILE
    if first.new_key and settings.bootstrap_key is None:
        say.append(
            f"  Owner key:   {first.new_key}   (shown only now; also in {key_file}, readable by you alone)"
        )
    elif settings.bootstrap_key is None and key_file.exists():
        say.append(f"  Owner key:   in {key_file}")
    if here.quoting:
        say.append("  Model:       none connected, so answers are quotes. Set DOUMI_MODEL for more (README).")
    print("\n".join(say), flush=True)
    _wait_for_examples(here, first.team.id)
    if question := _question_to_try(here, first.team.id):
        key = first.new_key if first.new_key and settings.bootstrap_key is None else None
        print(_first_request(settings, key, question), flush=True)
    print(f"  API documentation: {settings.url}/docs\n  Ctrl-C stops.", flush=True)


def _first_request(settings: Settings, key: str | None, question: str) -> str:
    """A request to paste: it needs nothing but curl."""
    body = {"model": _TRY_WITH, "messages": [{"role": "user", "content": question}]}
    kept = "$DOUMI_BOOTSTRAP_KEY" if settings.bootstrap_key else f"$(cat {settings.data / OWNER_KEY_FILE})"
    sent = key or kept
    return (
        "\n  Try:\n"
        f"    curl -s {settings.url}/v1/chat/completions \\\n"
        f'      -H "Authorization: Bearer {sent}" \\\n'
        '      -H "Content-Type: application/json" \\\n'
        f"      -d {shlex.quote(json.dumps(body))}\n"
    )


def _question_to_try(here: Installation, team_id: str) -> str | None:
    """The first starter of the example that answers from documents; None when it is not there."""
    try:
        assistant = here.store.assistants.get(team_id, _TRY_WITH)
    except AssistantNotFound:
        return None
    return next(iter(instruction_of(assistant).front.starters), None)


def _wait_for_examples(here: Installation, team_id: str) -> None:
    """Until the documents of the first request are read, so that pasting it works."""
    deadline = time.monotonic() + _EXAMPLES_WAIT_S
    try:
        if not here.loaded.done():
            print("  Getting ready: the embedder and the example documents …", flush=True)
        here.loaded.result(timeout=_EXAMPLES_WAIT_S)
        assistant = here.store.assistants.get(team_id, _TRY_WITH)
    except AssistantNotFound:
        return
    except Exception as error:
        print(
            f"  The start is not complete: {error}\n  “doumi doctor” says more.", file=sys.stderr, flush=True
        )
        return
    bases = [here.bases.get(team_id, base) for base in assistant.knowledge_bases]
    while time.monotonic() < deadline and any(base.unfinished() for base in bases):
        time.sleep(0.1)
    failed = [
        document
        for base in bases
        for document in base.documents()
        if document.status is DocumentStatus.FAILED
    ]
    for document in failed:
        print(f"  {document.name}: {document.error}", file=sys.stderr, flush=True)
