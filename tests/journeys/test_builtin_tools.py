"""Built-in tools in a real service: a workbook is uploaded and computed over, a page is fetched, sums are exact."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import openpyxl
import pytest

from tests.journeys.server import ServerProcess, ask, upload
from tests.journeys.upstream import Upstream

_PAGE = b"<html><body><h1>Opening hours</h1><p>The gates open at 05:40.</p></body></html>"


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, models: Any, page: str) -> Iterator[httpx.Client]:
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("builtin") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:acts",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_EGRESS_ALLOW=page,
        ).start()
        with process.client() as client:
            made = client.post(
                "/api/assistants",
                json={
                    "slug": "books",
                    "instruction": "Keep the books.",
                    "tools": ["calculator", "시계", "tables", "fetch"],
                    "fetch_hosts": ["127.0.0.1"],
                    "answer_from": "anything",
                },
            )
            assert made.status_code == 201, made.text
            assert made.json()["tools"] == ["calculator", "clock", "tables", "fetch"]
            assert upload(client, "books", "sales.xlsx", workbook())["status"] == "ready"
            yield client
        process.stop()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sales"
    sheet.append(["Region", "Amount"])
    for at in range(500):
        sheet.append([("North", "South")[at % 2], at])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def call(client: httpx.Client, name: str, **arguments: Any) -> dict[str, Any]:
    reply = ask(client, "books", f"Please call {name} {json.dumps(arguments)}", trace=True)
    return {"said": reply["choices"][0]["message"]["content"], "action": reply["actions"][0]}


def test_a_sum_over_a_workbook_is_computed_and_its_cells_are_named(client: httpx.Client) -> None:
    answer = call(client, "tables", sql="SELECT sum(amount) AS total FROM sales_sales WHERE region = 'North'")
    assert "62250" in answer["said"]
    (part,) = answer["action"]["parts"]
    assert part["rows"] == [["62250"]]
    assert part["sources"][0]["document"]["name"] == "sales.xlsx"
    assert part["sources"][0]["rows"] == 250
    assert part["sources"][0]["locator"].startswith("Sales!A2:B2, A4:B4")


def test_a_calculation_is_exact(client: httpx.Client) -> None:
    assert "0.3" in call(client, "calculator", expression="0.1 + 0.2")["said"]


def test_the_date_is_known(client: httpx.Client) -> None:
    assert "Asia/Seoul" in call(client, "clock", zone="Asia/Seoul")["said"]


def test_a_page_of_a_named_host_is_read_and_no_other(client: httpx.Client, page: str) -> None:
    assert "The gates open at 05:40" in call(client, "fetch", url=f"http://{page}/hours")["said"]
    refused = call(client, "fetch", url="http://other.example/")
    assert refused["action"]["status"] == "failed"
    assert "not among the hosts" in refused["said"]


def test_a_tool_that_does_not_exist_is_an_error_with_the_nearest(client: httpx.Client) -> None:
    reply = client.put("/api/assistants/books", json={"tools": ["calculater"]})
    assert reply.status_code == 400
    assert "did you mean calculator?" in reply.json()["error"]["message"]
