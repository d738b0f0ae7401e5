"""Budgets of the team, set by its owners, and the usage that was counted."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from service.access import Owner, TheInstallation, Viewer, find_assistant_by_id
from service.installation import Installation
from service.records import BudgetOf, Caller, Standing
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.store.budgets import DIMENSIONS, periods_of
from service.store.engine import now

router = APIRouter(tags=["budgets"])

_LONGEST_SPAN = timedelta(days=3 * 366)
_MOST_ROWS = 10_000
_EXAMPLE: dict[str, Any] = {
    "id": "budget_0123456789abcdef01234567",
    "object": "budget",
    "of": "member",
    "target": "mem_0123456789abcdef01234567",
    "name": "Kim",
    "requests_per_minute": 20,
    "tokens_per_day": 200000,
    "tokens_per_month": None,
    "money_per_day": None,
    "money_per_month": 25.0,
    "currency": "USD",
    "used": {
        "requests_this_minute": 1,
        "tokens_today": 4210,
        "tokens_this_month": 98213,
        "money_today": 0.01,
        "money_this_month": 0.4,
    },
    "renews": {"minute": 1795478460, "day": 1795564800, "month": 1796083200},
}
_ROW: dict[str, Any] = {
    "day": "2026-11-24",
    "assistant_id": "asst_0123456789abcdef01234567",
    "assistant": "handbook",
    "member": "mem_0123456789abcdef01234567",
    "member_name": "Kim",
    "key": "",
    "key_name": None,
    "model": "openai:gpt-5",
    "requests": 12,
    "prompt_tokens": 10800,
    "completion_tokens": 900,
    "total_tokens": 11700,
    "cost": 0.0225,
}


class NoPrices(Exception):
    """A budget in money needs to know what models cost: set DOUMI_PRICES, or bound tokens."""


class UnusableBudget(Exception):
    """The budget cannot be set as asked; the message says what to send."""


class UnusableReport(Exception):
    """The usage cannot be reported as asked; the message says what to send."""


_Count = Annotated[int | None, Field(ge=0, le=10**15)]
_Money = Annotated[float | None, Field(ge=0, le=10**8)]


class BudgetIn(BaseModel):
    """What may be used; what is left out is not bounded."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"of": "team", "requests_per_minute": 600, "tokens_per_day": 50000000}},
    )
    of: BudgetOf
    target: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Id of the member or key, slug of the assistant; left out for the team"
    )
    requests_per_minute: _Count = None
    tokens_per_day: _Count = Field(None, description="Of prompts and answers; days are those of UTC")
    tokens_per_month: _Count = None
    money_per_day: _Money = Field(None, description="In the currency of the operator's price table")
    money_per_month: _Money = None


class UsedOut(BaseModel):
    """What of a budget is used."""

    requests_this_minute: int
    tokens_today: int
    tokens_this_month: int
    money_today: float
    money_this_month: float


class RenewsOut(BaseModel):
    """When the minute, day and month end, in Unix seconds."""

    minute: int
    day: int
    month: int


class BudgetOut(BaseModel):
    """A budget, and what of it is used."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["budget"] = "budget"
    of: BudgetOf
    target: str
    name: str
    requests_per_minute: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    money_per_day: float | None
    money_per_month: float | None
    currency: str
    used: UsedOut
    renews: RenewsOut


class UsageRow(BaseModel):
    """What was used, by what was asked for in `by`; a name is null where what had it is gone."""

    model_config = ConfigDict(json_schema_extra={"example": _ROW})
    day: str | None = None
    assistant_id: str | None = None
    assistant: str | None = None
    member: str | None = None
    member_name: str | None = None
    key: str | None = None
    key_name: str | None = None
    model: str | None = None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float | None = Field(description="By the price table of the day; null without a table")


class UsageOut(BaseModel):
    """Usage between two days, both included."""

    object: Literal["list"] = "list"
    data: list[UsageRow]
    first_day: str
    last_day: str
    currency: str
    has_more: bool


_First = Annotated[date | None, Query(alias="from", description="First day (UTC); 30 days ago if left out")]
_Last = Annotated[date | None, Query(alias="to", description="Last day (UTC), included; today if left out")]
_By = Annotated[
    str,
    Query(
        max_length=100,
        description="What to add up by, separated by commas: day, assistant, member, key, model",
    ),
]
_ALL = ",".join(DIMENSIONS)
_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One line for each row, with a heading",
        "content": {"text/csv": {"example": ",".join(_ROW) + "\r\n"}},
    }
}


@router.get("/api/budgets", responses=errors(400))
def list_budgets(here: TheInstallation, caller: Owner, window: PageWindow) -> Listing[BudgetOut]:
    """The budgets of the team, and what of each is used."""
    found, more = here.store.budgets.page(caller.team.id, window)
    return Listing(
        data=[_out(here, standing) for standing in found],
        first_id=found[0].budget.id if found else None,
        last_id=found[-1].budget.id if found else None,
        has_more=more,
    )


@router.put("/api/budgets", responses=errors(400, 404))
def set_budget(here: TheInstallation, caller: Owner, body: BudgetIn) -> BudgetOut:
    """Bound what the team, a member, an assistant or a key uses; a budget that it has is replaced."""
    money = {"nanos_per_day": body.money_per_day, "nanos_per_month": body.money_per_month}
    if any(value is not None for value in money.values()) and not here.prices:
        raise NoPrices("Doumi does not know what models cost: set DOUMI_PRICES, or bound tokens instead.")
    subject = _subject(here, caller, body)
    counts = body.model_dump(include={"requests_per_minute", "tokens_per_day", "tokens_per_month"})
    nanos = {name: None if value is None else round(value * 1e9) for name, value in money.items()}
    if all(value is None for value in (*counts.values(), *nanos.values())):
        raise UnusableBudget(
            "Bound something, such as tokens_per_day; DELETE /api/budgets/{id} takes one away."
        )
    standing = here.store.budgets.set(caller.team.id, body.of, subject, counts | nanos)
    return _out(here, standing)


@router.get("/api/budgets/mine", responses=errors())
def list_own_budgets(here: TheInstallation, caller: Viewer) -> Listing[BudgetOut]:
    """The budgets that bound the caller: their own, that of their key, that of the team."""
    subjects = {caller.team.id, caller.member, caller.key or ""}
    found = here.store.budgets.standing(caller.team.id, subjects, now())
    return Listing(data=[_out(here, standing) for standing in found])


@router.get("/api/budgets/{budget_id}", responses=errors(404))
def get_budget(here: TheInstallation, caller: Owner, budget_id: str) -> BudgetOut:
    """One budget."""
    return _out(here, here.store.budgets.get(caller.team.id, budget_id))


@router.delete("/api/budgets/{budget_id}", status_code=204, responses=errors(404), response_class=Response)
def delete_budget(here: TheInstallation, caller: Owner, budget_id: str) -> None:
    """Take a budget away; what was used is kept."""
    here.store.budgets.delete(caller.team.id, budget_id)


@router.get("/api/usage", responses=errors(400))
def get_usage(
    here: TheInstallation,
    caller: Owner,
    first: _First = None,
    last: _Last = None,
    by: _By = _ALL,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 1000,
) -> UsageOut:
    """What the team used, also in conversations, with assistants and by members that are gone."""
    begin, end = _span(first, last)
    rows = here.store.budgets.report(
        caller.team.id, first=str(begin), last=str(end), by=_dimensions(by), limit=limit + 1
    )
    data = [UsageRow(**_row(here, row)) for row in rows]
    return UsageOut(
        data=data[:limit],
        first_day=str(begin),
        last_day=str(end),
        currency=here.prices.currency,
        has_more=len(data) > limit,
    )


@router.get("/api/usage/export", responses=errors(400) | _CSV, response_class=StreamingResponse)
def export_usage(
    here: TheInstallation, caller: Owner, first: _First = None, last: _Last = None, by: _By = _ALL
) -> StreamingResponse:
    """The same as a CSV file, however long."""
    begin, end = _span(first, last)
    rows = here.store.budgets.report(caller.team.id, first=str(begin), last=str(end), by=_dimensions(by))
    name = f"usage-{caller.team.slug}-{begin}-{end}.csv"
    return StreamingResponse(
        _lines(_row(here, row) for row in rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _subject(here: Installation, caller: Caller, body: BudgetIn) -> str:
    """The id of what the budget is of, found in the caller's team."""
    team_id, target = caller.team.id, body.target
    if body.of is BudgetOf.TEAM:
        if target not in (None, team_id):
            raise UnusableBudget("A budget of the team has no target: leave it out.")
        return team_id
    if not target:
        raise UnusableBudget(f"Say in `target` which {body.of} the budget is of.")
    if body.of is BudgetOf.MEMBER:
        return here.store.members.get(team_id, target).id
    if body.of is BudgetOf.KEY:
        return here.store.keys.get(team_id, target).id
    return find_assistant_by_id(here, caller, target).id


def _out(here: Installation, standing: Standing) -> BudgetOut:
    budget, periods = standing.budget, periods_of(now())
    return BudgetOut(
        id=budget.id,
        of=budget.of,
        target=budget.subject,
        name=budget.name,
        requests_per_minute=budget.requests_per_minute,
        tokens_per_day=budget.tokens_per_day,
        tokens_per_month=budget.tokens_per_month,
        money_per_day=None if budget.nanos_per_day is None else _money(budget.nanos_per_day),
        money_per_month=None if budget.nanos_per_month is None else _money(budget.nanos_per_month),
        currency=here.prices.currency,
        used=UsedOut(
            requests_this_minute=standing.requests_this_minute,
            tokens_today=standing.tokens_today,
            tokens_this_month=standing.tokens_this_month,
            money_today=_money(standing.nanos_today),
            money_this_month=_money(standing.nanos_this_month),
        ),
        renews=RenewsOut(
            minute=seconds(periods.minute_ends),
            day=seconds(periods.day_ends),
            month=seconds(periods.month_ends),
        ),
    )


def _span(first: date | None, last: date | None) -> tuple[date, date]:
    end = last or now().date()
    begin = first or end - timedelta(days=30)
    if begin > end or end - begin > _LONGEST_SPAN:
        raise UnusableReport("`from` must not come after `to`, and at most three years before it.")
    return begin, end


def _dimensions(by: str) -> list[str]:
    named = list(dict.fromkeys(part.strip() for part in by.split(",") if part.strip()))
    unknown = [name for name in named if name not in DIMENSIONS]
    if unknown or not named:
        raise UnusableReport(f"`by` takes {', '.join(DIMENSIONS)}; not {', '.join(unknown) or 'nothing'}.")
    return named


def _row(here: Installation, row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name != "nanos"}
    found["total_tokens"] = found["prompt_tokens"] + found["completion_tokens"]
    return found | {"cost": _money(row["nanos"]) if here.prices else None}


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    first = True
    for row in rows:
        page = io.StringIO()
        writer = csv.DictWriter(page, row)
        if first:
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in row.items()})
        first = False
        yield page.getvalue()


def _cell(value: Any) -> Any:
    """A name that a spreadsheet would take for a formula is text there, too."""
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )


def _money(nanos: int) -> float:
    return round(nanos / 1e9, 6)
