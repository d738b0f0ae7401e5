"""Runs at work: each beside the request that began it, followed by whoever streams it.

A run goes on when its reader leaves. What it has become is in the store, what it says on the way only here.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request

from service.installation import Installation
from service.records import Caller, Run, RunStatus
from service.routes.openai.playing import Decided, Player
from service.routes.openai.run_errors import RunInterrupted
from service.routes.openai.telling import Event, Work
from service.store.engine import now

_STARTS_WITHIN = timedelta(seconds=10)  # between its record and its task


class Runs:
    """The runs at work in this process; there is one process on a data folder."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._work: dict[str, Work] = {}
        self._closing = False

    def start(
        self, caller: Caller, run: Run, beginning: Sequence[Event] = (), decided: Decided | None = None
    ) -> Work:
        """Set a queued run to work; `beginning` is told before it."""
        work = Work(events=list(beginning))
        self._work[run.id] = work
        work.task = asyncio.create_task(self._run(Player(self._here, caller, run, work, decided), work))
        return work

    def at_work(self, run: Run) -> bool:
        """Whether the run is at work here."""
        return run.id in self._work

    async def current(self, run: Run) -> Run:
        """The run as it stands: one that waited too long, or that a crash cut off, is over."""
        if run.status.over or self.at_work(run):
            return run
        threads, moment = self._here.store.threads, now()
        if run.expires_at <= moment:
            become: dict[str, Any] = {"status": RunStatus.EXPIRED}
        elif run.status is RunStatus.REQUIRES_ACTION or moment - run.created_at < _STARTS_WITHIN:
            return run
        else:
            error = {"code": "server_error", "message": str(RunInterrupted.__doc__)}
            become = {"status": RunStatus.FAILED, "error": error}
        return await to_thread.run_sync(lambda: threads.change_run(run, **become, ended_at=moment))

    async def free(self, team_id: str, thread_id: str) -> None:
        """Let go of a thread whose run is over without anybody having noticed."""
        found = await to_thread.run_sync(self._here.store.threads.active_runs, team_id, thread_id)
        for run in found:
            await self.current(run)

    async def stop(self, run: Run) -> None:
        """Stop the work on a run and wait until it has stopped."""
        work = self._work.get(run.id)
        if work and work.task:
            work.task.cancel()
            with suppress(asyncio.CancelledError):
                await work.task

    async def close(self) -> None:
        """Stop all of them; what they were at is failed."""
        self._closing = True
        for work in list(self._work.values()):
            if work.task:
                work.task.cancel()
                with suppress(asyncio.CancelledError):
                    await work.task

    async def _run(self, player: Player, work: Work) -> None:
        try:
            await player.play()
        except asyncio.CancelledError:
            if self._closing:
                await asyncio.shield(player.failed(RunInterrupted(RunInterrupted.__doc__)))
            else:
                await asyncio.shield(player.cancelled())
            raise
        except Exception as error:
            await player.failed(error)
        finally:
            self._work.pop(player.run_id, None)
            await work.end()


def _runs(request: Request) -> Runs:
    found: Runs = request.app.state.runs
    return found


TheRuns = Annotated[Runs, Depends(_runs)]
