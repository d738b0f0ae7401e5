"""One page of a list: limit, order, after, before, as the OpenAI lists have them."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Table, and_, or_


class CursorNotFound(Exception):
    """`after` or `before` names nothing in this list; take first_id or last_id of an earlier page."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which page of a list is wanted."""

    limit: int = 100
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None  # id
    before: str | None = None  # id


def page_of(
    connection: Connection, query: Select[Any], table: Table, window: Window, *, by: str = "created_at"
) -> tuple[list[Row[Any]], bool]:
    """Rows of `query` in the window, ordered by time and then id, and whether more follow.

    Raises CursorNotFound when `after` or `before` is no row of `query`.
    """
    time, ident = table.c[by], table.c.id
    backwards = window.before is not None and window.after is None
    descending = (window.order == "desc") != backwards
    for cursor, older in ((window.after, window.order == "desc"), (window.before, window.order == "asc")):
        if cursor is None:
            continue
        ids = query.with_only_columns(time, ident).where(ident == cursor)
        edge = connection.execute(ids).first()
        if edge is None:
            raise CursorNotFound(
                f"No item {cursor!r} in this list; take first_id or last_id of another page."
            )
        beyond = (time < edge[0], ident < edge[1]) if older else (time > edge[0], ident > edge[1])
        query = query.where(or_(beyond[0], and_(time == edge[0], beyond[1])))
    ordering = (time.desc(), ident.desc()) if descending else (time.asc(), ident.asc())
    rows = list(connection.execute(query.order_by(*ordering).limit(window.limit + 1)))
    page = rows[: window.limit]
    return (page[::-1] if backwards else page), len(rows) > window.limit
