"""Every successful change leaves an entry in the audit log, whatever route made it.

The entry is written before the caller learns of the success, so nobody sees a change that is not in the
log. It holds ids and slugs: no secret, no text that somebody wrote.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.records import AdministratorCaller, Caller
from service.store.audit import INSTALLATION

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_LONGEST_BODY = 64 * 1024  # of a reply that is looked into for the id of what was made
_LONGEST_ID = 120

# They ask or begin a conversation of the caller's own, and change nothing of the team. Everything else
# that is no GET is recorded without being named anywhere.
ASKING = frozenset({"/v1/chat/completions", "/v1/embeddings", "/v1/responses"})
_ASKING_ROOMS = ("/v1/threads",)
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered, for entries that are made on the way."""

_ASKING_ENDS = ("/search", "/look", "/preview")

DECISION = "POST /api/confirmations/{confirmation_id}"
"""What a decision is called in the log, whichever wire it came over.

`service.turns` records it where it is taken: before what was confirmed is done, and also where the answer
then fails.
"""


class Record:
    """ASGI middleware; plain, as the others are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the beginning of a success back until it is in the log."""
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        REQUEST_ID.set(scope.get("state", {}).get("request_id", ""))
        held: Message | None = None

        async def recording(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] < 400:
                held = message
                return
            if held is not None:
                await _record(scope, message.get("body", b""))
                await send(held)
                held = None
            await send(message)

        await self._app(scope, receive, recording)


def is_change(method: str, path: str) -> bool:
    """Whether a success on the route with this path template belongs into the log."""
    asking = path in ASKING or path.startswith(_ASKING_ROOMS) or path.endswith(_ASKING_ENDS)
    return method not in _SAFE_METHODS and not asking


async def _record(scope: Scope, body: bytes) -> None:
    path = _template(scope)
    operation = f"{scope['method']} {path}"
    if path is None or not is_change(scope["method"], path) or operation == DECISION:
        return
    state: Mapping[str, Any] = scope.get("state", {})
    caller: Caller | AdministratorCaller | None = state.get("caller")
    targets = {**scope.get("path_params", {}), **_made(body), **state.get("audit_targets", {})}
    audit = scope["app"].state.installation.store.audit
    for chain in _chains(caller, state, scope):
        append = partial(
            audit.append,
            chain,
            actor=actor_of(caller),
            operation=operation,
            targets={name: str(value)[:_LONGEST_ID] for name, value in sorted(targets.items())},
            request=state.get("request_id", ""),
        )
        await to_thread.run_sync(append)


def _template(scope: Scope) -> str | None:
    """The whole address of the route as the OpenAPI document has it; None where there was no route.

    A route knows its address only up to the router that it is in; what stands before is taken from the
    request, with the values of its parameters replaced by their names.
    """
    tail: str | None = getattr(scope.get("route"), "path", None)
    if tail is None:
        return None
    head = scope["path"].split("/")
    head = head[: len(head) - tail.count("/")]
    for name, value in scope.get("path_params", {}).items():
        if f"{{{name}" not in tail and str(value) in head:
            at = len(head) - 1 - head[::-1].index(str(value))
            head[at] = f"{{{name}}}"
    return "/".join(head) + tail


def _chains(
    caller: Caller | AdministratorCaller | None, state: Mapping[str, Any], scope: Scope
) -> tuple[str, ...]:
    """The team's; what an administrator does to a team stands in both; a deleted team's log is gone."""
    if "audit_chain" in state:
        return (state["audit_chain"],)
    if isinstance(caller, Caller):
        return (caller.team.id,)
    team = scope.get("path_params", {}).get("team_id")
    return (INSTALLATION, team) if team and scope["method"] != "DELETE" else (INSTALLATION,)


def actor_of(caller: Caller | AdministratorCaller | None) -> str:
    """Who did it, as the log has it."""
    if caller is None:
        return "anybody"
    if isinstance(caller, AdministratorCaller):
        return f"administrator:{caller.key}"
    return f"key:{caller.key}" if caller.key else f"member:{caller.member}"


def _made(body: bytes) -> dict[str, str]:
    """The id of what a reply shows, which is how a new thing's id comes into the log."""
    if not body.startswith(b"{") or len(body) > _LONGEST_BODY:
        return {}
    try:
        found = json.loads(body).get("id")
    except ValueError:
        return {}
    return {"id": found} if isinstance(found, str) else {}
