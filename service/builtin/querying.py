"""SQL over tables in a child process that can do nothing else: no files, no network, little memory and time.

DuckDB is known to this file alone. `query` runs in the server, `main` in the child.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.tools import ToolCallFailed

_HOME = str(Path(__file__).resolve().parents[2])
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from service.builtin.querying import main; main()"
_WITHIN_S = 15.0
_CPU_S = 12
_MEMORY = "256MB"
_ADDRESSES = 4 << 30  # bytes: DuckDB reserves more than it uses
_MOST_ROWS = 200
_LONGEST_CELL = 500
_SHOWN_ROWS = 500_000  # of the rows that a result rests on


class QueryFailed(ToolCallFailed):
    """The query cannot be run; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is queried."""

    name: str
    columns: Sequence[tuple[str, str]]  # name and type
    values: Sequence[Sequence[Any]]  # by column


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a query gives."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]  # as text
    more: bool  # whether there were more rows
    used: Mapping[str, Sequence[int]]  # by table: values of `row` of the rows that it rests on


def query(tables: Sequence[Table], sql: str, *, row: str) -> Found:
    """Run one SELECT. `row` is the column that tells rows apart. Raises QueryFailed."""
    request = {
        "tables": [
            {"name": table.name, "columns": table.columns, "values": table.values} for table in tables
        ],
        "sql": sql,
        "row": row,
    }
    reply = _asked(request)
    if "error" in reply:
        raise QueryFailed(str(reply["error"])[:1000])
    return Found(
        columns=tuple(map(str, reply["columns"])),
        rows=tuple(tuple(row) for row in reply["rows"]),
        more=bool(reply["more"]),
        used={str(name): [int(each) for each in rows] for name, rows in reply["used"].items()},
    )


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="doumi-query-") as scratch:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, _HOME],
                input=json.dumps(request).encode("utf-8", "replace"),
                capture_output=True,
                cwd=scratch,
                env={"HOME": scratch, "TMPDIR": scratch},
                start_new_session=True,
                timeout=_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise QueryFailed(f"It takes longer than {_WITHIN_S:g} seconds; ask for less at once.") from None
    try:
        reply = json.loads(done.stdout)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise QueryFailed("It needs more time or memory than a query may take; ask for less at once.")
    return reply


# In the child


def main() -> None:
    """One request from standard input, one reply on standard output."""
    request = json.load(sys.stdin)
    for name, most in (
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_AS, _ADDRESSES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))
    reply = json.dumps(_answered(request), ensure_ascii=False)
    sys.stdout.buffer.write(reply.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    os._exit(0)  # what DuckDB still holds need not be tidied up


def _answered(request: Mapping[str, Any]) -> dict[str, Any]:
    import duckdb  # in the child alone: 40 MB

    connection = duckdb.connect(":memory:", config=_CONFIG)
    try:
        for table in request["tables"]:
            _load(connection, table)
        connection.execute("SET lock_configuration = true")
        statements = connection.extract_statements(request["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return {"error": "Only one SELECT statement can be run."}
        result = connection.execute(statements[0])
        rows = result.fetchmany(_MOST_ROWS + 1)
        columns = [each[0] for each in result.description]
        return {
            "columns": columns,
            "rows": [[_cell(value) for value in row] for row in rows[:_MOST_ROWS]],
            "more": len(rows) > _MOST_ROWS,
            "used": _used(connection, request),
        }
    except MemoryError:
        return {"error": "It needs more memory than a query may take; ask for less at once."}
    except duckdb.Error as error:
        return {"error": str(error)}


_CONFIG: dict[str, Any] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "memory_limit": _MEMORY,
    "threads": 1,
    "temp_directory": "",
    "max_expression_depth": 250,
}


def _load(connection: Any, table: Mapping[str, Any]) -> None:
    name = _quoted(table["name"])
    columns = ", ".join(f"{_quoted(column)} {kind}" for column, kind in table["columns"])
    connection.execute(f"CREATE TABLE {name} ({columns})")
    casts = ", ".join(
        f"TRY_CAST(unnest(${at}::VARCHAR[]) AS {kind})" for at, (_, kind) in enumerate(table["columns"], 1)
    )
    values = [[None if each is None else str(each) for each in column] for column in table["values"]]
    connection.execute(f"INSERT INTO {name} SELECT {casts}", values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text[:_LONGEST_CELL]


def _used(connection: Any, request: Mapping[str, Any]) -> dict[str, list[int]]:
    """The rows that a result rests on: those of its WHERE for one table, else all of each table in it."""
    names = [table["name"] for table in request["tables"]]
    (written,) = connection.execute("SELECT json_serialize_sql(?)", [request["sql"]]).fetchone()
    tree = json.loads(written)
    node = tree["statements"][0]["node"] if tree.get("statements") else {}
    source = node.get("from_table") or {}
    if source.get("type") == "BASE_TABLE" and not (node.get("cte_map") or {}).get("map"):
        name = next((each for each in names if each.lower() == source.get("table_name", "").lower()), None)
        if name is not None and (rows := _passing(connection, tree, node, request["row"])) is not None:
            return {name: rows}
    there = json.dumps(tree).lower()
    mentioned = [name for name in names if f'"table_name": {json.dumps(name.lower())}' in there]
    return {name: _all_rows(connection, name, request["row"]) for name in mentioned}


def _passing(connection: Any, tree: Any, node: Any, row: str) -> list[int] | None:
    import duckdb

    node |= {
        "select_list": [{"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": [row]}],
        "modifiers": [],
        "group_expressions": [],
        "group_sets": [],
        "aggregate_handling": "STANDARD_HANDLING",
        "having": None,
        "qualify": None,
        "sample": None,
    }
    try:
        (sql,) = connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
        return [each for (each,) in connection.execute(sql).fetchmany(_SHOWN_ROWS)]
    except duckdb.Error:
        return None


def _all_rows(connection: Any, name: str, row: str) -> list[int]:
    found = connection.execute(f"SELECT {_quoted(row)} FROM {_quoted(name)}")  # noqa: S608 - names are quoted
    return [each for (each,) in found.fetchmany(_SHOWN_ROWS)]
