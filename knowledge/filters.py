"""Filters of a search: what a passage's document and page must be like.

They have the shape of OpenAI's vector store filters. A filter becomes ranges of chunk ids before the search
begins, so that both legs look only where they may and k passages come back if there are k.
"""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from knowledge.attributes import Value, kind
from knowledge.errors import UnusableFilter
from knowledge.vectors import Range

DOCUMENT_ID = "document.id"
DOCUMENT_NAME = "document.name"
UPLOADED_AT = "document.uploaded_at"  # Unix seconds, "2026-11-24" (a whole day, UTC) or a time of ISO 8601
PAGE = "page"

_DEEPEST = 8  # groups within groups
_MOST_PARTS = 256  # comparisons and groups in all
_MOST_VALUES = 10_000  # of one list
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Operator(StrEnum):
    """How a value is compared."""

    EQ = "eq"
    NE = "ne"  # a document without the key is not equal either
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"  # equal to one of a list
    NIN = "nin"  # equal to none of them


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One value against that of a key: an attribute of the document, or one of the names above."""

    key: str
    operator: Operator
    value: Value | tuple[Value, ...]  # several for IN and NIN

    @property
    def values(self) -> tuple[Value, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Filters of which all must hold, or one."""

    all: bool
    filters: tuple["Filter", ...]


Filter = Comparison | Group

_SIGNS = {
    Operator.EQ: "=",
    Operator.NE: "=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.IN: "=",
    Operator.NIN: "=",
}
_NEGATED = (Operator.NE, Operator.NIN)
_LISTS = (Operator.IN, Operator.NIN)
# The plus keeps SQLite from making an index of all pages for one search.
_COLUMNS = {DOCUMENT_ID: "documents.id", DOCUMENT_NAME: "documents.name", PAGE: "+chunks.page"}


def parse(data: Mapping[str, Any]) -> Filter:
    """The filter in a JSON object. Raises UnusableFilter."""
    parts = [0]
    return _parsed(data, "filter", 0, parts)


def of_documents(ids: Sequence[str]) -> Filter:
    """Only these documents."""
    return Comparison(key=DOCUMENT_ID, operator=Operator.IN, value=tuple(ids))


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """What passes the two; None is no filter."""
    if first is None or second is None:
        return first or second
    return Group(all=True, filters=(first, second))


def ranges(connection: sqlite3.Connection, wanted: Filter) -> list[Range]:
    """The chunk ids that pass, as ranges in order."""
    condition, values = _condition(wanted)
    if not _asks_for_pages(wanted):
        found = connection.execute(
            "SELECT first_chunk, first_chunk + chunks FROM documents"  # noqa: S608
            f" WHERE chunks > 0 AND {condition} ORDER BY first_chunk",
            values,
        )
    else:
        found = connection.execute(
            "SELECT chunks.id, chunks.id + 1 FROM documents CROSS JOIN chunks"  # noqa: S608
            " ON chunks.id >= first_chunk AND chunks.id < first_chunk + documents.chunks"
            f" WHERE {condition} ORDER BY first_chunk, chunks.id",
            values,
        )
    return _joined(found)


def document_condition(wanted: Filter) -> tuple[str, list[Any]]:
    """The filter as a condition on rows of `documents`, with its values.

    Raises UnusableFilter where it asks for pages, which a document has many of.
    """
    if _asks_for_pages(wanted):
        raise UnusableFilter(f"A list of documents cannot be filtered by “{PAGE}”")
    return _condition(wanted)


# From JSON


def _parsed(data: Any, place: str, depth: int, parts: list[int]) -> Filter:
    parts[0] += 1
    if depth > _DEEPEST or parts[0] > _MOST_PARTS:
        raise UnusableFilter(f"{place} is one part too many, or too deep: {_MOST_PARTS} and {_DEEPEST}")
    if not isinstance(data, Mapping):
        raise UnusableFilter(f"{place} is no object")
    what = data.get("type")
    if what in ("and", "or"):
        _only(data, {"type", "filters"}, place)
        members = data.get("filters")
        if not isinstance(members, list) or not members:
            raise UnusableFilter(f"{place}.filters is no list of filters")
        inner = [_parsed(each, f"{place}.filters[{at}]", depth + 1, parts) for at, each in enumerate(members)]
        return Group(all=what == "and", filters=tuple(inner))
    if what not in list(Operator):
        raise UnusableFilter(f"{place}.type is {what!r}")
    _only(data, {"type", "key", "value"}, place)
    key = data.get("key")
    if not isinstance(key, str) or not key:
        raise UnusableFilter(f"{place}.key is no name of an attribute")
    operator = Operator(what)
    value = _value(data.get("value"), operator, f"{place}.value")
    comparison = Comparison(key=key, operator=operator, value=value)
    _condition(comparison)  # says now what cannot be compared
    return comparison


def _only(data: Mapping[str, Any], known: set[str], place: str) -> None:
    if unknown := sorted(map(str, set(data) - known)):
        raise UnusableFilter(f"{place} has a key {unknown[0]!r}")


def _value(value: Any, operator: Operator, place: str) -> Value | tuple[Value, ...]:
    if operator not in _LISTS:
        return _plain(value, place)
    if not isinstance(value, list) or len(value) > _MOST_VALUES:
        raise UnusableFilter(f"{place} is no list of at most {_MOST_VALUES} values")
    return tuple(_plain(each, place) for each in value)


def _plain(value: Any, place: str) -> Value:
    if isinstance(value, str | bool | int | float) and abs(_size(value)) < float("inf"):
        return value
    raise UnusableFilter(f"{place} is no text, number or truth value")


def _size(value: str | float) -> float:
    """What a number is, 0 for a text; infinite for what the database cannot hold."""
    if isinstance(value, str):
        return 0.0
    return float(value) if abs(value) < 2**63 or isinstance(value, float) else float("inf")


# To SQL


def _condition(wanted: Filter) -> tuple[str, list[Any]]:
    if isinstance(wanted, Group):
        parts = [_condition(each) for each in wanted.filters]
        joined = (" AND " if wanted.all else " OR ").join(part for part, _ in parts)
        return f"({joined})", [value for _, values in parts for value in values]
    condition, values = _positive(wanted)
    return (f"NOT {condition}" if wanted.operator in _NEGATED else condition), values


def _positive(wanted: Comparison) -> tuple[str, list[Any]]:
    """The comparison without the negation of NE and NIN."""
    if wanted.key == UPLOADED_AT:
        return _any_of([_uploaded(wanted.operator, value) for value in wanted.values])
    if wanted.key in _COLUMNS:
        return _built_in(wanted)
    return _attribute(wanted)


def _built_in(wanted: Comparison) -> tuple[str, list[Any]]:
    fits = (int, float) if wanted.key == PAGE else str
    if not all(isinstance(value, fits) and not isinstance(value, bool) for value in wanted.values):
        raise UnusableFilter(
            f"{wanted.key} is compared with {'a number' if wanted.key == PAGE else 'a text'}"
        )
    column = _COLUMNS[wanted.key]
    if wanted.operator in _LISTS:
        return f"{column} IN (SELECT value FROM json_each(?))", [json.dumps(wanted.values)]  # noqa: S608
    return f"{column} {_SIGNS[wanted.operator]} ?", list(wanted.values)


def _attribute(wanted: Comparison) -> tuple[str, list[Any]]:
    """Only values of one kind are compared: the text "10" is neither equal to the number 10 nor above it."""
    if wanted.operator in _LISTS:
        by_kind: dict[str, list[Value]] = {}
        for value in wanted.values:
            by_kind.setdefault(kind(value), []).append(value)
        test = "value IN (SELECT value FROM json_each(?))"
        parts = [(name, test, json.dumps(_numbers(values))) for name, values in by_kind.items()]
    else:
        (value,) = wanted.values
        parts = [(kind(value), f"value {_SIGNS[wanted.operator]} ?", *_numbers([value]))]
    return _any_of(
        [
            (
                "documents.seq IN (SELECT document FROM attributes"  # noqa: S608
                f" WHERE key = ? AND kind = ? AND {test})",
                [wanted.key, name, compared],
            )
            for name, test, compared in parts
        ]
    )


def _numbers(values: Sequence[Value]) -> list[Any]:
    """Truth values as the database holds them."""
    return [int(value) if isinstance(value, bool) else value for value in values]


def _uploaded(operator: Operator, value: Value) -> tuple[str, list[Any]]:
    sign = _SIGNS[operator]
    if isinstance(value, str) and _DAY.fullmatch(value):
        _day(value)
        return f"date(documents.created_at, 'unixepoch') {sign} ?", [value]
    return f"documents.created_at {sign} ?", [_moment(value)]


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UnusableFilter(f"{value!r} is no date") from None


def _moment(value: Value) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise UnusableFilter(f"{value!r} is no date, such as 2026-11-24, and no Unix seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _any_of(parts: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    if not parts:
        return "0", []  # in an empty list is nothing
    joined = " OR ".join(part for part, _ in parts)
    return f"({joined})", [value for _, values in parts for value in values]


def _asks_for_pages(wanted: Filter) -> bool:
    if isinstance(wanted, Group):
        return any(_asks_for_pages(each) for each in wanted.filters)
    return wanted.key == PAGE


def _joined(found: sqlite3.Cursor) -> list[Range]:
    """Ranges that touch, made one."""
    joined: list[Range] = []
    for first, stop in found:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((first, stop))
    return joined
