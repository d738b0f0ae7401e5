"""Date and time in a zone, and days between dates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from service.tools import CallContext, Preview, ToolArgumentsInvalid, ToolResult

_FURTHEST = 400_000  # days


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """The present moment, or a date. Sends nothing."""

    name: str = "clock"
    description: str = (
        "The present date, time and weekday in a time zone. With `date`, that date instead of today; with "
        "`add_days`, so many days later; with `until`, also the days from there to that date."
    )
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {
                "zone": {"type": "string", "description": "IANA name such as Asia/Seoul", "default": "UTC"},
                "date": {"type": "string", "description": "YYYY-MM-DD"},
                "add_days": {"type": "integer"},
                "until": {"type": "string", "description": "YYYY-MM-DD"},
            },
            "additionalProperties": False,
        }
    )
    consequential: bool = False
    now: Callable[[], datetime] = _now

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """What is asked for. Raises ToolArgumentsInvalid."""
        _zone(arguments.get("zone", "UTC"))
        for name in ("date", "until"):
            _date(arguments.get(name), name)
        days = arguments.get("add_days") or 0
        if not isinstance(days, int) or abs(days) > _FURTHEST:
            raise ToolArgumentsInvalid(f"add_days is a whole number of at most {_FURTHEST} days.")
        return Preview(method="", host="", path=self.name, arguments=dict(arguments))

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """In one or two lines."""
        text = self._says(arguments)
        return ToolResult(text=text, ok=True, size=len(text))

    def _says(self, arguments: Mapping[str, Any]) -> str:
        zone = _zone(arguments.get("zone", "UTC"))
        moment = self.now().astimezone(zone)
        given, days = _date(arguments.get("date"), "date"), arguments.get("add_days") or 0
        try:
            day = (given or moment.date()) + timedelta(days=days)
        except OverflowError:
            raise ToolArgumentsInvalid("There is no such date; dates go from year 1 to 9999.") from None
        lines = [f"{_day(day)}, week {day.isocalendar().week}"]
        if given is None and not days:
            lines = [
                f"{_day(day)}, {moment:%H:%M:%S}, week {day.isocalendar().week} ({_named(moment, zone)})"
            ]
        if (until := _date(arguments.get("until"), "until")) is not None:
            lines.append(f"{(until - day).days} days until {_day(until)}")
        return "\n".join(lines)


def _day(day: date) -> str:
    return f"{day.isoformat()}, {day:%A}"


def _named(moment: datetime, zone: ZoneInfo) -> str:
    offset = f"{moment:%z}"
    return f"{zone.key}, UTC{offset[:3]}:{offset[3:5]}"


def _zone(name: Any) -> ZoneInfo:
    known = available_timezones()
    if isinstance(name, str) and name in known:
        return ZoneInfo(name)
    near = get_close_matches(str(name).replace(" ", "_"), known, n=1)
    hint = f"did you mean {near[0]}?" if near else "write an IANA name such as Asia/Seoul or Europe/Berlin."
    raise ToolArgumentsInvalid(f"{str(name)[:60]!r} is no time zone: {hint}")


def _date(given: Any, name: str) -> date | None:
    if given in (None, ""):
        return None
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise ToolArgumentsInvalid(f"{name} is a date written as YYYY-MM-DD.") from None
