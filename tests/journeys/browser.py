"""A real browser for the journeys of the page."""

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.server import ServerProcess

BUILT = Path(__file__).parents[2] / "service" / "web" / "index.html"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1360, "height": 850}
PHONE = {"width": 390, "height": 844}


class Visit:
    """A browser window of its own, and what went wrong in it."""

    def __init__(self, context: BrowserContext, server: ServerProcess) -> None:
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self._server = server
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        context.on("request", lambda request: self._check(request.url))

    def go(self, path: str) -> None:
        self.page.goto(self._server.url + path)

    def _note(self, kind: str, text: str) -> None:
        refused = text.startswith("Failed to load resource")  # the service said no: part of some journeys
        if kind in ("error", "warning") and not refused:
            self.problems.append(f"{kind}: {text}")

    def _check(self, url: str) -> None:
        if not url.startswith((self._server.url, "data:", "blob:")):
            self.problems.append(f"left the machine: {url}")


def sign_in(context: BrowserContext, server: ServerProcess) -> None:
    """Give the browser what it would keep after signing in with the owner's key."""
    with server.client() as client:
        assert client.post("/api/session", json={"token": server.owner_key}).status_code == 204
        name, value = next(iter(client.cookies.items()))
    context.add_cookies([{"name": name, "value": value, "url": server.url}])


def visiting(context: BrowserContext, server: ServerProcess) -> Iterator[Visit]:
    visit = Visit(context, server)
    yield visit
    context.close()
    assert visit.problems == []


def ask(page: Page, question: str) -> None:
    """Types a question, sends it with Enter and waits for the whole answer."""
    before = page.locator(".turn").count()
    page.locator(".composer textarea").fill(question)
    page.locator(".composer textarea").press("Enter")
    expect(page.locator(".turn").nth(before)).to_have_attribute("data-state", "done", timeout=30_000)
