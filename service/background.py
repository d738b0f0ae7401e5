"""Answers that go on when their client has gone, and can be followed from any event on."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Any

_KEEP_ALIVE_S = 15.0


class Run:
    """What one running answer has told so far."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._ended = False
        self._news = asyncio.Event()

    def tell(self, events: list[dict[str, Any]]) -> None:
        """Add events; whoever follows gets them at once."""
        self._events += events
        self._wake()

    def end(self) -> None:
        """Nothing follows."""
        self._ended = True
        self._wake()

    async def follow(self) -> AsyncGenerator[dict[str, Any] | None]:
        """Every event, those of the past first; None where nothing came for a while."""
        told = 0
        while True:
            news = self._news
            for event in self._events[told:]:
                yield event
                told += 1
            if told < len(self._events):
                continue
            if self._ended:
                return
            try:
                async with asyncio.timeout(_KEEP_ALIVE_S):
                    await news.wait()
            except TimeoutError:
                yield None

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Background:
    """The running answers of this process, by the id of what they make."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[Run, asyncio.Task[None]]] = {}

    def start(self, ident: str, run: Run, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` go on by itself; it tells `run`, which ends with it."""
        task = asyncio.create_task(work)
        self._runs[ident] = (run, task)

        def done(task: "asyncio.Task[None]") -> None:
            self._runs.pop(ident, None)
            run.end()

        task.add_done_callback(done)

    def run(self, ident: str) -> Run | None:
        """The run of that id, while it goes on in this process."""
        found = self._runs.get(ident)
        return found[0] if found else None

    async def cancel(self, ident: str) -> None:
        """Stop it and wait until it has stopped; nothing where nothing runs."""
        if found := self._runs.get(ident):
            await _stopped([found[1]])

    async def close(self) -> None:
        """Stop everything."""
        await _stopped([task for _, task in self._runs.values()])


async def _stopped(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task
