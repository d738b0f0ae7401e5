"""How long it takes from a tool's answer to the next call of the model: `python -m bench.tools`.

The real loop with a real knowledge base and tools that answer at once; what is timed is everything between:
judging, noting, escaping, cutting, assembling and binding.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instructions.format import parse
from service.answering import answer
from service.events import Question, Setup
from service.model import Model
from service.scripted import ScriptedChatModel, ScriptedTool, calls
from service.tools import CallContext, ToolResult
from tests.knowledge.library import add, open_base

RUNS = 60


class Timed(ScriptedTool):
    """Notes when it answered."""

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = await super().call(arguments, context)
        _answered.append(time.perf_counter())
        return result


class Asked(ScriptedChatModel):
    """Notes when it was asked."""

    def _play(self, messages: Any, kwargs: Any) -> Any:
        _asked.append(time.perf_counter())
        return super()._play(messages, kwargs)


_answered: list[float] = []
_asked: list[float] = []


def main() -> None:
    """Results of three sizes, with one tool and with three hundred."""
    with tempfile.TemporaryDirectory() as folder:
        base = open_base(Path(folder))
        add(base, "gates.txt", "The Tallinn warehouse opens its gates at 05:40 on weekdays.\n" * 20)
        print("result, tools        p50 ms   p95 ms")
        for size, tools in ((100, 1), (10_000, 1), (100_000, 1), (10_000, 300)):
            gaps = [_gap(base, size, tools) for _ in range(RUNS)]
            high = statistics.quantiles(gaps, n=20)[-1]
            print(f"{size:>7,}, {tools:>3}       {statistics.median(gaps):8.2f} {high:8.2f}")
        base.close()


def _gap(base: Any, size: int, tools: int) -> float:
    _answered.clear()
    _asked.clear()
    text = ("The weather in Tallinn is sunny. " * (size // 33 + 1))[:size]
    others = [
        ScriptedTool(name=f"operation_{at}", description=f"Does thing {at}.") for at in range(tools - 1)
    ]
    script = [
        calls(("get_weather", {"city": "Tallinn"})),
        calls(("get_weather", {"city": "Tartu"})),
        ["Sunny."],
    ]
    setup = Setup(
        name="bench",
        instruction=parse("Be brief."),
        bases=[base],
        model=Model(name="scripted", chat=Asked(script=script), retries=0),
        tools=[Timed(text=text), *others],
        context=CallContext(team="t", member="m", assistant="a"),
        budget_tokens=16_000,
    )

    async def run() -> None:
        async for _ in answer(Question(text="When does the Tallinn warehouse open? Is it sunny?"), setup):
            pass

    asyncio.run(run())
    return max(asked - answered for answered, asked in zip(_answered, _asked[1:], strict=True)) * 1000


if __name__ == "__main__":
    main()
