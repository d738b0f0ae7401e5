"""Budgets, what of them is used, and the usage that is kept."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from service.records import Budget, BudgetOf, Spent, Standing
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import assistants, budgets, keys, members, spending, teams, usage

LIMITS = ("requests_per_minute", "tokens_per_day", "tokens_per_month", "nanos_per_day", "nanos_per_month")
_COLUMN_OF = {BudgetOf.MEMBER: "member_id", BudgetOf.KEY: "key_id", BudgetOf.ASSISTANT: "assistant_id"}
_READ_AT_ONCE = 1000


class BudgetNotFound(Exception):
    """The team has no such budget; GET /api/budgets lists those it has."""


@dataclass(frozen=True, kw_only=True)
class Periods:
    """The minute, day and month that a moment is in, in UTC, and their ends."""

    minute: str
    day: str
    month: str
    minute_ends: datetime
    day_ends: datetime
    month_ends: datetime


def periods_of(moment: datetime) -> Periods:
    """The periods that budgets count in."""
    minute = moment.replace(second=0, microsecond=0)
    day = minute.replace(hour=0, minute=0)
    return Periods(
        minute=f"{minute:%Y-%m-%dT%H:%M}",
        day=f"{day:%Y-%m-%d}",
        month=f"{day:%Y-%m}",
        minute_ends=minute + timedelta(minutes=1),
        day_ends=day + timedelta(days=1),
        month_ends=(day.replace(day=1) + timedelta(days=32)).replace(day=1),
    )


class Budgets:
    """Queries about budgets and usage; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert: Any = sqlite.insert if database.is_sqlite else postgresql.insert

    def set(self, team_id: str, of: BudgetOf, subject: str, limits: Mapping[str, int | None]) -> Standing:
        """Bound what the subject, which the caller found in the team, uses."""
        moment = now()
        values: dict[str, Any] = {name: limits.get(name) for name in LIMITS} | {"updated_at": moment}
        made: dict[str, Any] = {"id": new_id("budget"), "team_id": team_id, "of": of, "subject": subject}
        made |= {"created_at": moment} | ({_COLUMN_OF[of]: subject} if of in _COLUMN_OF else {})
        row = self._insert(budgets).values(**made, **values)
        with self._database.write() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["team_id", "subject"], set_=values))
            mine = _of(team_id).where(budgets.c.subject == subject)
            found = connection.execute(mine).one()
            return _standings(connection, [found], moment)[0]

    def get(self, team_id: str, budget_id: str) -> Standing:
        """Raises BudgetNotFound."""
        with self._database.read() as connection:
            return _find(connection, team_id, budget_id)

    def page(self, team_id: str, window: Window) -> tuple[list[Standing], bool]:
        """One page of budgets, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(connection, _of(team_id), budgets, window)
            return _standings(connection, rows, now()), more

    def delete(self, team_id: str, budget_id: str) -> None:
        """Bound nothing any more. Raises BudgetNotFound."""
        with self._database.write() as connection:
            _find(connection, team_id, budget_id)
            connection.execute(delete(budgets).where(budgets.c.team_id == team_id, budgets.c.id == budget_id))

    def standing(self, team_id: str, subjects: Collection[str], moment: datetime) -> list[Standing]:
        """The budgets of these, as far as they have any, with what is used of them."""
        with self._database.read() as connection:
            rows = list(connection.execute(_of(team_id).where(budgets.c.subject.in_(subjects))))
            return _standings(connection, rows, moment) if rows else []

    def take_request(self, standings: Sequence[Standing], moment: datetime) -> Standing | None:
        """Count one request against each of these in this minute, or none where one of them is used up.

        Gives that one back. Processes that ask at the same moment are counted one after the other.
        """
        periods = periods_of(moment)
        try:
            with self._database.write() as connection:
                for each in sorted(standings, key=lambda each: each.budget.subject):
                    row = self._insert(spending).values(
                        team_id=each.budget.team_id,
                        subject=each.budget.subject,
                        period=periods.minute,
                        requests=1,
                        tokens=0,
                        nanos=0,
                        ends_at=periods.minute_ends,
                    )
                    more = row.on_conflict_do_update(
                        index_elements=["subject", "period"],
                        set_={"requests": spending.c.requests + 1},
                    )
                    taken = connection.scalar(more.returning(spending.c.requests))
                    if taken > (each.budget.requests_per_minute or 0):
                        raise _UsedUp(each)
        except _UsedUp as used_up:
            return used_up.standing
        return None

    def count(self, spent: Spent, moment: datetime | None = None) -> None:
        """Add what a request used to the usage that is kept, and to the day and month of its budgets."""
        periods = periods_of(moment or now())
        tokens = spent.prompt_tokens + spent.completion_tokens
        kept = self._insert(usage).values(
            team_id=spent.team_id,
            day=periods.day,
            assistant_id=spent.assistant_id,
            member=spent.member,
            key_id=spent.key,
            model=spent.model[:200],
            assistant=spent.assistant,
            requests=1,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            nanos=spent.nanos,
        )
        counters = self._insert(spending)
        with self._database.write() as connection:
            if not connection.execute(
                select(teams.c.id)
                .where(teams.c.id == spent.team_id)
                .with_for_update(read=True, key_share=True)
            ).first():
                return  # the team was deleted while its answer was made
            connection.execute(
                kept.on_conflict_do_update(
                    index_elements=["team_id", "day", "assistant_id", "member", "key_id", "model"],
                    set_={"assistant": kept.excluded.assistant}
                    | {
                        name: usage.c[name] + kept.excluded[name]
                        for name in ("requests", "prompt_tokens", "completion_tokens", "nanos")
                    },
                )
            )
            connection.execute(
                counters.on_conflict_do_update(
                    index_elements=["subject", "period"],
                    set_={
                        name: spending.c[name] + counters.excluded[name]
                        for name in ("requests", "tokens", "nanos")
                    },
                ),
                [
                    {
                        "team_id": spent.team_id,
                        "subject": subject,
                        "period": period,
                        "requests": 1,
                        "tokens": tokens,
                        "nanos": spent.nanos,
                        "ends_at": ends_at,
                    }
                    for subject in spent.subjects
                    for period, ends_at in (
                        (periods.day, periods.day_ends),
                        (periods.month, periods.month_ends),
                    )
                ],
            )

    def sweep(self) -> None:
        """Delete counts of times that are over; the usage itself stays."""
        with self._database.write() as connection:
            connection.execute(delete(spending).where(spending.c.ends_at < now() - timedelta(hours=1)))

    def report(
        self, team_id: str, *, first: str, last: str, by: Sequence[str], limit: int | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Usage between two days, both included, added up for each `by`: day, assistant, member, key, model.

        The oldest day comes first. A name is null where what had it is gone.
        """
        ids = [usage.c[_ID_OF[name]] for name in by]
        names = [_NAME_OF[name] for name in by if name in _NAME_OF]
        sums = [func.sum(usage.c[name]).label(name) for name in _SUMS]
        query = (
            select(*(each.label(name) for each, name in zip(ids, map(_LABEL.__getitem__, by), strict=True)))
            .add_columns(*names, *sums)
            .select_from(usage)
            .outerjoin(members, (members.c.id == usage.c.member) & (members.c.team_id == usage.c.team_id))
            .outerjoin(keys, (keys.c.id == usage.c.key_id) & (keys.c.team_id == usage.c.team_id))
            .where(usage.c.team_id == team_id, usage.c.day >= first, usage.c.day <= last)
            .group_by(*ids)
            .order_by(*ids)
        )
        at = 0
        while True:
            step = _READ_AT_ONCE if limit is None else min(_READ_AT_ONCE, limit - at)
            if step <= 0:
                return
            with self._database.read() as connection:
                rows = connection.execute(query.limit(step).offset(at)).mappings().all()
            for row in rows:
                yield {name: int(value) if name in _SUMS else value for name, value in row.items()}
            if len(rows) < step:
                return
            at += step


_SUMS = ("requests", "prompt_tokens", "completion_tokens", "nanos")
_ID_OF = {"day": "day", "assistant": "assistant_id", "member": "member", "key": "key_id", "model": "model"}
_LABEL = {"day": "day", "assistant": "assistant_id", "member": "member", "key": "key", "model": "model"}
_NAME_OF = {
    "assistant": func.max(usage.c.assistant).label("assistant"),
    "member": func.max(members.c.name).label("member_name"),
    "key": func.max(keys.c.name).label("key_name"),
}
DIMENSIONS = tuple(_ID_OF)


class _UsedUp(Exception):
    """Ends the transaction that counts a request."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing


def _of(team_id: str) -> Select[Any]:
    return (
        select(
            budgets,
            func.coalesce(members.c.name, keys.c.name, assistants.c.slug, teams.c.name).label("name"),
        )
        .join(teams, teams.c.id == budgets.c.team_id)
        .outerjoin(members, members.c.id == budgets.c.member_id)
        .outerjoin(keys, keys.c.id == budgets.c.key_id)
        .outerjoin(assistants, assistants.c.id == budgets.c.assistant_id)
        .where(budgets.c.team_id == team_id)
    )


def _find(connection: Connection, team_id: str, budget_id: str) -> Standing:
    row = connection.execute(_of(team_id).where(budgets.c.id == budget_id)).first()
    if row is None:
        raise BudgetNotFound(
            f"The budget {budget_id!r} does not exist; GET /api/budgets lists those that do."
        )
    return _standings(connection, [row], now())[0]


def _standings(connection: Connection, rows: Sequence[Row[Any]], moment: datetime) -> list[Standing]:
    periods = periods_of(moment)
    query = select(spending).where(
        spending.c.subject.in_([row.subject for row in rows]),
        spending.c.period.in_((periods.minute, periods.day, periods.month)),
    )
    counts = {(row.subject, row.period): row for row in connection.execute(query)}
    found = []
    for row in rows:
        minute, day, month = (
            counts.get((row.subject, period)) for period in (periods.minute, periods.day, periods.month)
        )
        found.append(
            Standing(
                budget=_budget(row),
                requests_this_minute=minute.requests if minute else 0,
                tokens_today=day.tokens if day else 0,
                tokens_this_month=month.tokens if month else 0,
                nanos_today=day.nanos if day else 0,
                nanos_this_month=month.nanos if month else 0,
            )
        )
    return found


def _budget(row: Row[Any]) -> Budget:
    return Budget(
        id=row.id,
        team_id=row.team_id,
        of=BudgetOf(row.of),
        subject=row.subject,
        name=row.name,
        **{name: getattr(row, name) for name in LIMITS},
        created_at=aware(row.created_at),
        updated_at=aware(row.updated_at),
    )
