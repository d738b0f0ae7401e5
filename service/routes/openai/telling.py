"""What a run says while it is at work, to whoever follows it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

_KEEP_ALIVE_S = 15.0

Event = tuple[str, Any]


@dataclass
class Work:
    """One run at work, and what it has said."""

    task: "asyncio.Task[None] | None" = None
    events: list[Event] = field(default_factory=list)
    over: bool = False
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, event: str, data: Any) -> None:
        """Tell it to those who follow."""
        async with self.news:
            self.events.append((event, data))
            self.news.notify_all()

    async def end(self) -> None:
        """Nothing more is coming."""
        async with self.news:
            self.over = True
            self.news.notify_all()

    async def follow(self) -> AsyncGenerator[Event | None]:
        """What it says from the beginning on; None where nothing came for a while."""
        at = 0
        while True:
            while at < len(self.events):
                yield self.events[at]
                at += 1
            if self.over:
                return
            try:
                async with asyncio.timeout(_KEEP_ALIVE_S):
                    await self._more_than(at)
            except TimeoutError:
                yield None

    async def _more_than(self, told: int) -> None:
        async with self.news:
            await self.news.wait_for(lambda: self.over or len(self.events) > told)
