"""Ending what runs for a key or session that stopped working.

A request asks for its credential once, at its start; a stream outlives that. Here every stream of the
service, whatever route it comes from, is watched while it runs.
"""

import asyncio
import json
import logging
from collections.abc import Collection
from typing import Any

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Fault, body_of

_LOOK_EVERY_S = 1.0
_ENDED = body_of(
    "The key or session of this stream was revoked or has expired; the answer is not whole.",
    Fault(401, "authentication_error", "credential_revoked"),
)

log = logging.getLogger("doumi")


class EndRevoked:
    """ASGI middleware that ends an event stream, with an error event, soon after its credential ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._watch = _Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; from the moment that it turns out to be a stream, it is watched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stream: _Stream | None = None
        over, task = False, asyncio.current_task()  # the one below, which sends, may be a child of this one

        async def watching(message: Message) -> None:
            nonlocal stream, over
            if message["type"] == "http.response.start" and _is_stream(message):
                stream = self._watch.begin(scope, task)
            over = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except asyncio.CancelledError:
            if stream is None or not stream.revoked:
                raise
            stream.task.uncancel()
            if not over:
                text = f"data: {json.dumps(_ENDED)}\n\ndata: [DONE]\n\n"
                await send({"type": "http.response.body", "body": text.encode(), "more_body": False})
        finally:
            if stream is not None:
                self._watch.end(stream)


class _Stream:
    """A running stream: the task that carries it, and the digest of the secret that it came with."""

    def __init__(self, task: "asyncio.Task[Any]", credential: str) -> None:
        self.task = task
        self.credential = credential
        self.revoked = False


class _Watch:
    """Looks at the credentials of all running streams at once, while there are any."""

    def __init__(self) -> None:
        self._streams: set[_Stream] = set()
        self._looking: asyncio.Task[None] | None = None

    def begin(self, scope: Scope, task: "asyncio.Task[Any] | None") -> _Stream | None:
        """Watch the stream of this request; None when it came without a credential."""
        credential = scope.get("state", {}).get("credential")
        if credential is None or task is None:
            return None
        stream = _Stream(task, credential)
        self._streams.add(stream)
        if self._looking is None or self._looking.done():
            alive = scope["app"].state.installation.store.credentials.alive
            self._looking = asyncio.create_task(self._look(alive))
        return stream

    def end(self, stream: _Stream) -> None:
        self._streams.discard(stream)

    async def _look(self, alive: Any) -> None:
        while self._streams:
            await asyncio.sleep(_LOOK_EVERY_S)
            digests: Collection[str] = {stream.credential for stream in self._streams}
            try:
                still = await to_thread.run_sync(alive, digests)
            except Exception as error:  # the next look may succeed; a stream must not end for this
                log.error("Could not look at the credentials of running streams", exc_info=error)
                continue
            for stream in list(self._streams):
                if stream.credential in digests and stream.credential not in still:
                    stream.revoked = True
                    self.end(stream)
                    stream.task.cancel()


def _is_stream(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return kind.startswith("text/event-stream")
