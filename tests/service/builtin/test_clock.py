import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from service.builtin.clock import Clock
from service.tools import CallContext, ToolArgumentsInvalid

CLOCK = Clock(now=lambda: datetime(2026, 11, 24, 20, 30, tzinfo=UTC))


def say(**arguments: Any) -> str:
    CLOCK.preview(arguments)
    return asyncio.run(CLOCK.call(arguments, CallContext(team="t", member="m", assistant="a"))).text


def test_the_moment_is_told_in_the_zone_that_is_asked_for() -> None:
    assert say(zone="Asia/Seoul") == "2026-11-25, Wednesday, 05:30:00, week 48 (Asia/Seoul, UTC+09:00)"
    assert say().startswith("2026-11-24, Tuesday, 20:30:00")


def test_days_are_counted() -> None:
    assert say(until="2026-12-25").endswith("31 days until 2026-12-25, Friday")
    assert say(date="2024-02-28", add_days=2) == "2024-03-01, Friday, week 9"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"zone": "Asia/Soul"}, "did you mean Asia/Seoul"),
        ({"date": "24.11.2026"}, "YYYY-MM-DD"),
        ({"add_days": 10**9}, "whole number"),
        ({"date": "9999-12-31", "add_days": 1}, "no such date"),
    ],
)
def test_what_is_no_date_or_zone_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolArgumentsInvalid, match=says):
        say(**arguments)
