"""Which built-in tools an assistant has: those that its instruction file names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instructions.front_matter import BuiltIn, FrontMatter
from knowledge.base import KnowledgeBase
from service.actions.egress import Egress
from service.builtin.calculator import Calculator
from service.builtin.clock import Clock
from service.builtin.fetch import Fetch
from service.builtin.tables import Tables
from service.tools import Tool


@dataclass(frozen=True, kw_only=True)
class Means:
    """What built-in tools work with."""

    front: FrontMatter
    bases: Sequence[KnowledgeBase]
    egress: Egress


_MAKE: dict[BuiltIn, Callable[[Means], Tool]] = {
    BuiltIn.CALCULATOR: lambda means: Calculator(),
    BuiltIn.CLOCK: lambda means: Clock(),
    BuiltIn.TABLES: lambda means: Tables(means.bases, shows=means.front.citations),
    BuiltIn.FETCH: lambda means: Fetch(means.egress, means.front.fetch_hosts),
}


def built_in_tools(means: Means) -> list[Tool]:
    """In the order in which they are named."""
    named = means.front.tools
    nowhere = {BuiltIn.FETCH} if not means.front.fetch_hosts else set()
    return [_MAKE[name](means) for name in named if name not in nowhere]
