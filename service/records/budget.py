"""Budgets, and what is used of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BudgetOf(StrEnum):
    """Whose use a budget bounds."""

    TEAM = "team"  # all of it together
    MEMBER = "member"
    ASSISTANT = "assistant"
    KEY = "key"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be used in a stretch of time; None is no bound. Money is in billionths of the currency."""

    id: str  # "budget_…"
    team_id: str
    of: BudgetOf
    subject: str  # id of the team, member, assistant or key
    name: str  # what people call it
    requests_per_minute: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    nanos_per_day: int | None
    nanos_per_month: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A budget, and what of it is used in the minute, day and month that run."""

    budget: Budget
    requests_this_minute: int = 0
    tokens_today: int = 0
    tokens_this_month: int = 0
    nanos_today: int = 0
    nanos_this_month: int = 0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one request used, and for whom; it outlives the conversation, the assistant and the member."""

    team_id: str
    assistant_id: str  # "" where none was asked, as for embeddings
    assistant: str  # slug, as it was then
    member: str
    key: str  # "" for a session without one
    model: str
    prompt_tokens: int
    completion_tokens: int
    nanos: int

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose budgets it counts against."""
        found = {self.team_id, self.member, self.assistant_id, self.key} - {""}
        return tuple(sorted(found))
