"""Actions in the page: a real browser, a real service, a real API behind the action, a model server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import WIDE, Visit, sign_in, visiting
from tests.journeys.server import ServerProcess
from tests.journeys.upstream import Upstream
from tests.service.actions.outside import OutsideProcess

SPEC = """\
openapi: 3.0.3
info: { title: Orders, version: "1" }
paths:
  /echo/orders:
    post:
      operationId: placeOrder
      parameters: [{ name: city, in: query, schema: { type: string } }]
      responses: { "200": { description: The order. } }
"""


@pytest.fixture(scope="module")
def outside() -> Iterator[OutsideProcess]:
    process = OutsideProcess().start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def acting(
    tmp_path_factory: pytest.TempPathFactory, models: Path, outside: OutsideProcess
) -> Iterator[ServerProcess]:
    """A service with an assistant `shop` that may place orders, and a model that always wants to."""
    with Upstream() as upstream:
        process = ServerProcess(
            tmp_path_factory.mktemp("acting") / "data",
            models,
            DOUMI_EXAMPLES="off",
            DOUMI_MODEL="openai:calls",
            DOUMI_MODEL_BASE_URL=upstream.url,
            DOUMI_MODEL_API_KEY="sk-nothing",
            DOUMI_EGRESS_ALLOW=outside.place,
        ).start()
        with process.client() as client:
            made = client.post(
                "/api/assistants",
                json={
                    "slug": "shop",
                    "name": "Shop",
                    "answer_from": "anything",
                    "instruction": "Take orders.",
                },
            )
            assert made.status_code == 201, made.text
            action = client.post(
                "/api/assistants/shop/actions", json={"name": "orders", "spec": SPEC, "server": outside.url}
            )
            assert action.status_code == 201, action.text
        yield process
        process.stop()


@pytest.fixture
def visit(browser: Browser, acting: ServerProcess) -> Iterator[Visit]:
    context = browser.new_context(viewport=WIDE, locale="en-US")
    sign_in(context, acting)
    yield from visiting(context, acting)


def orders(outside: OutsideProcess) -> list[str]:
    return [each["path"] for each in outside.seen() if each["method"] == "POST"]


def test_a_consequential_call_waits_for_the_member_and_then_the_answer_goes_on(
    visit: Visit, outside: OutsideProcess
) -> None:
    page = visit.page
    visit.go("/a/shop")
    page.locator(".composer textarea").fill("Order for Tallinn")
    page.locator(".composer textarea").press("Enter")
    asked = page.get_by_role("region", name="May the assistant call placeOrder?")
    expect(asked).to_contain_text(f"POST {outside.url.removeprefix('http://')}")
    expect(asked.locator("dl")).to_contain_text("cityTallinn")
    assert orders(outside) == []

    page.reload()  # what waits is still there for who comes back
    expect(asked.locator("dl")).to_contain_text("cityTallinn")
    asked.get_by_role("button", name="Approve once").click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    expect(page.locator(".turn .answer")).to_contain_text("The tool says")
    expect(asked).to_have_count(0)
    assert orders(outside) == ["/echo/orders"]
    call = page.locator(".call")
    expect(call).to_have_attribute("data-status", "done")
    call.locator("summary").click()
    expect(call).to_contain_text("Status 200")


def test_a_refused_call_is_not_made(visit: Visit, outside: OutsideProcess) -> None:
    page = visit.page
    visit.go("/a/shop")
    page.locator(".composer textarea").fill("Order again")
    page.locator(".composer textarea").press("Enter")
    page.get_by_role("button", name="Refuse").click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    expect(page.locator(".call")).to_have_attribute("data-status", "refused")
    assert orders(outside) == []
