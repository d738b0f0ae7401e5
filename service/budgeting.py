"""Whether a request is within the budgets that bear on it, and what it used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar

from service.events import Usage
from service.installation import Installation
from service.records import Assistant, Budget, BudgetOf, Caller, Spent, Standing
from service.store.budgets import Periods, periods_of
from service.store.engine import now

RATE_LIMIT_HEADERS = tuple(
    f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset")
)


class BudgetExceeded(Exception):
    """A budget of the team is used up; wait until it renews, or ask an owner to raise it."""

    def __init__(self, message: str, *, retry_after: float, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = headers


class TooManyRequests(BudgetExceeded):
    """More requests came in a minute than a budget of the team allows; wait for the next minute."""


class BudgetSpent(BudgetExceeded):
    """The tokens or the money of a budget are spent for the day or month; an owner can raise it."""


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """One of a budget's bounds: what it bounds, and where that is read."""

    bound: str  # field of Budget
    used: str  # field of Standing
    ends: str  # field of Periods
    what: str
    unit: str = ""

    def remaining(self, standing: Standing) -> int | None:
        bound = getattr(standing.budget, self.bound)
        return None if bound is None else max(0, bound - getattr(standing, self.used))


_REQUESTS = _Limit(
    bound="requests_per_minute", used="requests_this_minute", ends="minute_ends", what="requests a minute"
)
_TOKENS = (
    _Limit(bound="tokens_per_day", used="tokens_today", ends="day_ends", what="tokens a day"),
    _Limit(bound="tokens_per_month", used="tokens_this_month", ends="month_ends", what="tokens a month"),
)
_MONEY = (
    _Limit(bound="nanos_per_day", used="nanos_today", ends="day_ends", what="a day"),
    _Limit(bound="nanos_per_month", used="nanos_this_month", ends="month_ends", what="a month"),
)


@dataclass(frozen=True)
class Allowance:
    """What a request that was let in leaves of the budgets that bear on it."""

    standings: tuple[Standing, ...] = ()
    moment: datetime | None = None

    NONE: ClassVar["Allowance"]

    @cached_property
    def headers(self) -> dict[str, str]:
        """OpenAI's `x-ratelimit-*`, of the budgets with the least left."""
        if not self.standings or self.moment is None:
            return {}
        periods = periods_of(self.moment)
        found = _header("requests", self.standings, (_REQUESTS,), periods, self.moment)
        return found | _header("tokens", self.standings, _TOKENS, periods, self.moment)


Allowance.NONE = Allowance()


def admit(here: Installation, caller: Caller, assistant: Assistant | None = None) -> Allowance:
    """Count the request against every budget that bears on it; it blocks.

    Raises TooManyRequests and BudgetSpent; then nothing is counted. Answers that are being made count when
    they end, so a budget is overdrawn by those at most.
    """
    moment, subjects = now(), {caller.team.id, caller.member}
    subjects |= ({caller.key} if caller.key else set()) | ({assistant.id} if assistant else set())
    standings = here.store.budgets.standing(caller.team.id, subjects, moment)
    if not standings:
        return Allowance.NONE
    for standing in standings:
        _refuse_spent(standing, caller, standings, moment, here.prices.currency)
    counted = [each for each in standings if each.budget.requests_per_minute is not None]
    full = here.store.budgets.take_request(counted, moment) if counted else None
    if full is not None:
        standings = here.store.budgets.standing(caller.team.id, subjects, moment)
        raise _refusal(TooManyRequests, full, _REQUESTS, caller, standings, moment)
    return Allowance(tuple(_taken(each) for each in standings), moment)


def settle(here: Installation, caller: Caller, assistant: Assistant | None, model: str, usage: Usage) -> None:
    """Keep what a request used, and count it against the budgets; it blocks."""
    here.store.budgets.count(
        Spent(
            team_id=caller.team.id,
            assistant_id=assistant.id if assistant else "",
            assistant=assistant.slug if assistant else "",
            member=caller.member,
            key=caller.key or "",
            model=model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            nanos=here.prices.nanos(model, usage.prompt_tokens, usage.completion_tokens),
        )
    )


def _taken(standing: Standing) -> Standing:
    if standing.budget.requests_per_minute is None:
        return standing
    fields = {name: getattr(standing, name) for name in Standing.__dataclass_fields__}
    return Standing(**fields | {"requests_this_minute": standing.requests_this_minute + 1})


def _refuse_spent(
    standing: Standing, caller: Caller, standings: Sequence[Standing], moment: datetime, currency: str
) -> None:
    for limit in (*_TOKENS, *_MONEY):
        if limit.remaining(standing) == 0:
            unit = currency if limit in _MONEY else ""
            raise _refusal(BudgetSpent, standing, limit, caller, standings, moment, unit)


def _refusal(
    kind: type[BudgetExceeded],
    standing: Standing,
    limit: _Limit,
    caller: Caller,
    standings: Sequence[Standing],
    moment: datetime,
    currency: str = "",
) -> BudgetExceeded:
    """Whose budget it is, what it allows, what was used, and when it renews."""
    ends: datetime = getattr(periods_of(moment), limit.ends)
    bound, used = getattr(standing.budget, limit.bound), getattr(standing, limit.used)
    amount = f"{bound / 1e9:,.2f} {currency}" if currency else f"{bound:,}"
    spent = f" ({used / 1e9:,.2f} used)" if currency else f" ({used:,} used)" if limit in _TOKENS else ""
    message = (
        f"{_whose(standing.budget, caller)} allows {amount} {limit.what}, and that is used up{spent}. It "
        f"renews at {ends:%Y-%m-%d %H:%M} UTC, in {span(ends - moment)}; an owner of the team can raise it."
    )
    return kind(
        message,
        retry_after=max(1.0, (ends - moment).total_seconds() + 0.5),
        headers=Allowance(tuple(standings), moment).headers,
    )


def _whose(budget: Budget, caller: Caller) -> str:
    if budget.of is BudgetOf.MEMBER:
        return "Your budget"
    if budget.of is BudgetOf.KEY:
        return f"The budget of the key “{budget.name}”"
    if budget.of is BudgetOf.ASSISTANT:
        return f"The budget of the assistant {budget.name!r}"
    return f"The budget of the team “{caller.team.name}”"


def _header(
    kind: str, standings: Sequence[Standing], limits: Sequence[_Limit], periods: Periods, moment: datetime
) -> dict[str, str]:
    bounded = [
        (left, getattr(standing.budget, limit.bound), getattr(periods, limit.ends))
        for standing in standings
        for limit in limits
        if (left := limit.remaining(standing)) is not None
    ]
    if not bounded:
        return {}
    left, bound, ends = min(bounded, key=lambda each: each[0])
    return {
        f"x-ratelimit-limit-{kind}": str(bound),
        f"x-ratelimit-remaining-{kind}": str(left),
        f"x-ratelimit-reset-{kind}": span(ends - moment),
    }


def span(time: timedelta) -> str:
    """As OpenAI writes it, with seconds at the end always: 6h12m5s, 1m0s."""
    rest = max(1, round(time.total_seconds()))
    hours, minutes, seconds = rest // 3600, rest // 60 % 60, rest % 60
    parts = ((hours, "h", hours), (minutes, "m", rest >= 60), (seconds, "s", True))
    return "".join(f"{count}{unit}" for count, unit, shown in parts if shown)
