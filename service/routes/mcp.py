"""/mcp: the MCP server over streamable HTTP, with the same keys as everything else."""

import asyncio
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.access import Viewer
from service.installation import Installation
from service.records import Caller

router = APIRouter(include_in_schema=False)


class Door:
    """Opens the MCP server when the first client comes: its SDK takes a second to import."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._opening: asyncio.Future[Any] | None = None
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def pass_on(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the SDK answer one request of a caller."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()
            self._running = asyncio.create_task(self._run(self._opening))
        sessions = await asyncio.shield(self._opening)
        scope["state"]["caller"] = caller
        await sessions.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End what still runs."""
        self._closing.set()
        if self._running is not None:
            await self._running

    async def _run(self, opening: "asyncio.Future[Any]") -> None:
        """Its task group wants to be entered and left by one task."""
        sessions = await to_thread.run_sync(_sessions, self._here)
        async with sessions.run():
            opening.set_result(sessions)
            await self._closing.wait()


def _sessions(here: Installation) -> Any:
    from service.mcp_server import sessions

    return sessions(here)


class _Handed(Response):
    """A reply that the door gives."""

    def __init__(self, door: Door, caller: Caller) -> None:
        super().__init__()
        self._door = door
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door.pass_on(self._caller, scope, receive, send)


@router.api_route("/mcp", methods=["GET", "POST", "DELETE"])
async def mcp(request: Request, caller: Viewer) -> Response:
    """One message of an MCP client."""
    return _Handed(request.app.state.mcp, caller)
