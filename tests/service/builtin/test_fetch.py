"""Pages of a real server, through the real door and the real cage."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.actions.egress import Egress
from service.builtin.fetch import Fetch, covers
from service.tools import CallContext, ToolArgumentsInvalid, ToolCallFailed, ToolResult

PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/page": (
        200,
        {"Content-Type": "text/html; charset=euc-kr"},
        "<html><script>alert(1)</script><h1>창고</h1><p>문은 05:40에 열린다.</p></html>".encode("euc-kr"),
    ),
    "/long": (200, {"Content-Type": "text/plain"}, b"word " * 20_000),
    "/moved": (302, {"Location": "/page"}, b""),
    "/away": (302, {"Location": "http://evil.example/"}, b""),
    "/round": (302, {"Location": "/round"}, b""),
    "/huge": (200, {"Content-Type": "text/plain"}, b"x" * (6 << 20)),
    "/missing": (404, {"Content-Type": "text/html"}, b"<p>There is no such page.</p>"),
    "/program": (200, {"Content-Type": "application/octet-stream"}, b"\x7fELF\0\0\0\0" * 20),
    "/broken.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4 nothing"),
}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = PAGES[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def get(port: int, path: str, *, start: int = 0, opened: bool = True) -> ToolResult:
    async def go() -> ToolResult:
        egress = Egress(allow=[f"127.0.0.1:{port}"] if opened else [])
        tool = Fetch(egress, ("127.0.0.1",))
        preview = tool.preview({"url": f"http://127.0.0.1:{port}{path}", "start": start})
        assert preview.host == f"127.0.0.1:{port}"
        try:
            return await tool.call(preview.arguments, CallContext(team="t", member="m", assistant="a"))
        finally:
            await egress.aclose()

    return asyncio.run(go())


def test_a_page_comes_as_text_in_its_own_letters(port: int) -> None:
    for path in ("/page", "/moved"):
        result = get(port, path)
        assert result.ok
        assert "창고" in result.text
        assert "문은 05:40에 열린다." in result.text
        assert "alert" not in result.text


def test_a_long_page_comes_in_parts(port: int) -> None:
    first = get(port, "/long")
    assert "go on with start=40000" in first.text
    assert "go on with start=80000" in get(port, "/long", start=40_000).text
    assert "ends after" in get(port, "/long", start=400_000).text


def test_what_the_other_side_says_no_to_is_told(port: int) -> None:
    result = get(port, "/missing")
    assert (result.ok, result.status) == (False, 404)
    assert "no such page" in result.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/away", "evil.example is not among"),
        ("/round", "more than 3 times"),
        ("/huge", "5 MB"),
        ("/program", "cannot be read"),
        ("/broken.pdf", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(port: int, path: str, says: str) -> None:
    with pytest.raises(ToolCallFailed, match=says):
        get(port, path)


def test_an_address_inside_is_refused_unless_the_operator_opened_it(port: int) -> None:
    with pytest.raises(ToolCallFailed, match="not on the public internet"):
        get(port, "/page", opened=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/",
        "http://docs.example.com.evil.example/",
        "http://docs.example.com@evil.example/",
        "http://evil.example/docs.example.com",
        "http://xdocs.example.com/",
        "http://example.org/",
        "file:///etc/passwd",
        "http://127.1/",
        "//docs.example.com/",
        "",
    ],
)
def test_only_hosts_of_the_list_are_read(url: str) -> None:
    with pytest.raises(ToolArgumentsInvalid):
        Fetch(Egress(), ("docs.example.com", "*.example.org")).preview({"url": url})


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("docs.example.com", "docs.example.com", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "badexample.org", False),
        ("한국.example", "xn--3e0b707e.example", True),
    ],
)
def test_what_a_pattern_covers(pattern: str, host: str, covered: bool) -> None:
    assert covers(pattern, host) is covered
