"""An answer that runs beside the reply which carries it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from service.answering import Event, RetrievalDone

_KEEP_ALIVE_S = 15.0


class Pump:
    """Runs an answer beside the reply, so that its first error can still decide the status."""

    def __init__(self, source: AsyncGenerator[Event]) -> None:
        self._source = source
        self._queue: asyncio.Queue[Event | BaseException | None] = asyncio.Queue(maxsize=64)
        self._spoke = asyncio.Event()
        self._failed: BaseException | None = None
        self._task = asyncio.create_task(self._run())

    async def settle(self, wait_s: float) -> None:
        """Wait for the answer's first words, but not long. Raises what ended the answer before them."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._spoke.wait()
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if self._failed is not None:
            raise self._failed

    async def events(self) -> AsyncGenerator[Event | None]:
        """The events as they come; None where nothing came for a while. Raises what the answer raised."""
        try:
            while True:
                try:
                    async with asyncio.timeout(_KEEP_ALIVE_S):
                        item = await self._queue.get()
                except TimeoutError:
                    yield None
                    continue
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        try:
            async with aclosing(self._source):
                async for event in self._source:
                    await self._queue.put(event)
                    if not isinstance(event, RetrievalDone):
                        self._spoke.set()
            await self._queue.put(None)
        except Exception as error:
            if not self._spoke.is_set():
                self._failed = error
            await self._queue.put(error)
        finally:
            self._spoke.set()
