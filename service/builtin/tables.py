"""Questions over an assistant's spreadsheets, computed: counts, sums, groups, with the cells named."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from knowledge.base import KnowledgeBase
from knowledge.documents import Document, DocumentStatus
from knowledge.errors import KnowledgeError
from service.builtin.querying import Found, QueryFailed, Table, query
from service.builtin.sheets import ROW, Sheet, named_apart, sheets_of
from service.tools import CallContext, Preview, ToolArgumentsInvalid, ToolResult

_SHEETS = (".xlsx", ".xlsm", ".xltx", ".xltm", ".csv", ".tsv", ".tab")
_MOST_TABLES = 60
_MOST_CELLS = 2_000_000
_LONGEST_SQL = 4000
_DOCUMENTS = 1000
_SAMPLES = 2  # rows of each table in the list
_LISTED_COLUMNS = 40
_SHOWN_TO_PEOPLE = 50  # rows


@dataclass(frozen=True)
class Tables:
    """One SELECT over the sheets of the knowledge bases, in DuckDB's SQL. Changes and sends nothing."""

    bases: Sequence[KnowledgeBase] = field(repr=False)
    shows: bool = True  # whether people are shown the rows, as they are citations
    name: str = "tables"
    description: str = (
        "Computes over the assistant's spreadsheets (XLSX, CSV) with one SQL SELECT in DuckDB's dialect: "
        "count, sum, group, filter, join. Call it without `sql` first: it then lists tables, columns and "
        "first rows. Use it for every question about totals, counts, averages, or the highest and lowest, "
        "and name the document and cells that it says it rests on."
    )
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"sql": {"type": "string", "description": "one SELECT; without it, a list"}},
            "additionalProperties": False,
        }
    )
    consequential: bool = False

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """The query. Raises ToolArgumentsInvalid."""
        sql = arguments.get("sql") or ""
        if not isinstance(sql, str) or len(sql) > _LONGEST_SQL:
            raise ToolArgumentsInvalid(f"sql is one SELECT of at most {_LONGEST_SQL} characters.")
        return Preview(method="", host="", path=self.name, arguments={"sql": sql} if sql.strip() else {})

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """The result with the cells that it rests on, or what is wrong with the query."""
        return await to_thread.run_sync(self._result, str(arguments.get("sql") or ""))

    def _result(self, sql: str) -> ToolResult:
        began = time.perf_counter()
        sheets, left_out = self._sheets()
        if not sheets:
            return _said("The assistant has no spreadsheet that is ready to be read.", ok=False)
        if not sql:
            return _said("\n\n".join([*map(_listed, sheets), *left_out]))
        try:
            found = query([_table(sheet) for sheet in sheets], sql, row=ROW)
        except QueryFailed as error:
            names = "; ".join(f"{each.table}({', '.join(_names(each))})" for each in sheets)
            return _said(f"{error}\nTables: {names[:4000]}", ok=False)
        sources = list(_sources(sheets, found))
        text = "\n".join(
            [_written(found), *(f"Computed over {_place(each)}." for each in sources), *left_out]
        )
        return ToolResult(
            text=text,
            ok=True,
            size=len(text.encode()),
            took_ms=(time.perf_counter() - began) * 1000,
            request={"sql": sql},
            parts=[_part(found, sources)] if self.shows else (),
        )

    def _sheets(self) -> tuple[list[Sheet], list[str]]:
        """What is queried, and what was too much for it."""
        kept: list[Sheet] = []
        skipped: list[str] = []
        cells = 0
        for sheet in self._all():
            cells += len(sheet.rows) * len(sheet.columns)
            if len(kept) < _MOST_TABLES and cells <= _MOST_CELLS:
                kept.append(sheet)
            else:
                cells -= len(sheet.rows) * len(sheet.columns)
                skipped.append(f"{sheet.document_name} {sheet.label}".strip())
        return named_apart(kept), [_too_much(skipped)] if skipped else []

    def _all(self) -> Iterator[Sheet]:
        for base in self.bases:
            for document in base.documents(limit=_DOCUMENTS, statuses=[DocumentStatus.READY]):
                if document.name.lower().endswith(_SHEETS):
                    yield from _sheets_of(base, document)


def _sheets_of(base: KnowledgeBase, document: Document) -> Iterator[Sheet]:
    try:
        pages = [base.page(document.id, each.number) for each in base.pages_of(document.id)]
    except KnowledgeError:
        return  # it was deleted in the meantime
    yield from sheets_of(document.id, document.name, pages)


def _too_much(skipped: Sequence[str]) -> str:
    return (
        f"[Left out, because at most {_MOST_TABLES} tables and {_MOST_CELLS:,} cells are read at once: "
        f"{', '.join(skipped[:20])}]"
    )


def _table(sheet: Sheet) -> Table:
    columns = [(ROW, "BIGINT"), *((each.name, each.type) for each in sheet.columns)]
    return Table(
        name=sheet.table,
        columns=columns,
        values=[list(sheet.rows), *(list(each.values) for each in sheet.columns)],
    )


def _names(sheet: Sheet) -> list[str]:
    return [each.name for each in sheet.columns[:_LISTED_COLUMNS]]


def _listed(sheet: Sheet) -> str:
    """A table as the model is told of it."""
    columns = [
        f"{each.name} {each.type}" + (f" ({each.title})" if each.title and each.title != each.name else "")
        for each in sheet.columns[:_LISTED_COLUMNS]
    ]
    samples = [
        " | ".join((each.values[at] or "")[:60] for each in sheet.columns[:_LISTED_COLUMNS])
        for at in range(min(_SAMPLES, len(sheet.rows)))
    ]
    lines = [
        f"{sheet.table}: {sheet.document_name}, {sheet.locator(sheet.rows)}, {len(sheet.rows):,} rows",
        f"  columns: {', '.join(columns)}, {ROW} (where a row stands in the sheet)",
        *(f"  row: {sample}" for sample in samples),
    ]
    if sheet.total_row is not None:
        without = f"WHERE {ROW} <> {sheet.total_row}"
        lines.append(f"  Row {sheet.total_row} looks like a total: leave it out of sums ({without}).")
    return "\n".join(lines)


def _sources(sheets: Iterable[Sheet], found: Found) -> Iterator[tuple[Sheet, Sequence[int]]]:
    for sheet in sheets:
        if sheet.table in found.used:
            yield sheet, found.used[sheet.table]


def _place(source: tuple[Sheet, Sequence[int]]) -> str:
    sheet, rows = source
    if not rows:
        return f"no row of {sheet.document_name}"
    return f"{sheet.document_name}, {sheet.locator(rows)} ({len(rows):,} row{'s' if len(rows) > 1 else ''})"


def _written(found: Found) -> str:
    lines = [" | ".join(found.columns)]
    lines += [" | ".join("" if cell is None else cell for cell in row) for row in found.rows]
    lines.append(f"[the first {len(found.rows)} rows; there are more]" if found.more else "")
    return "\n".join(line for line in lines if line) if found.rows else f"{lines[0]}\n(no row)"


def _part(found: Found, sources: Sequence[tuple[Sheet, Sequence[int]]]) -> dict[str, Any]:
    """What people are shown beside the answer."""
    return {
        "type": "table",
        "columns": list(found.columns),
        "rows": [list(row) for row in found.rows[:_SHOWN_TO_PEOPLE]],
        "more": found.more or len(found.rows) > _SHOWN_TO_PEOPLE,
        "sources": [
            {
                "document": {"id": sheet.document_id, "name": sheet.document_name},
                "page": sheet.page,
                "locator": sheet.locator(rows) if rows else None,
                "rows": len(rows),
            }
            for sheet, rows in sources
        ],
    }


def _said(text: str, *, ok: bool = True) -> ToolResult:
    return ToolResult(text=text, ok=ok, size=len(text.encode()))
