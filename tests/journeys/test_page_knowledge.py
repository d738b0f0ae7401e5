"""Knowledge bases in the page: made, filled, set, searched through, deleted."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import WIDE, Visit, sign_in, visiting
from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    context = browser.new_context(viewport=WIDE, locale="en-US")
    sign_in(context, server)
    yield from visiting(context, server)


def test_a_base_is_made_filled_set_looked_into_and_deleted_by_its_name(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit.page
    visit.go("/settings/knowledge")
    page.get_by_label("Name", exact=True).fill("Tide Tables")
    expect(page.get_by_label("Short name")).to_have_value("tide-tables")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Tide Tables")).to_be_visible()

    tides = [
        "The Ferrol tide stands highest at 04:12 on the third of March.",
        "Nothing here but the price of rope.",
    ]
    page.locator("input[type=file]").first.set_input_files(
        {"name": "tides.pdf", "mimeType": "application/pdf", "buffer": pdf_of(tides)}
    )
    row = page.locator(".document", has_text="tides.pdf")
    expect(row).to_have_attribute("data-status", "ready", timeout=60_000)
    row.get_by_role("button", name="Details of tides.pdf").click()
    row.get_by_label("Attributes").fill("harbour: Ferrol\nyear: 2026")
    row.get_by_role("button", name="Save").click()
    with server.client() as client:
        address = "/api/knowledge-bases/tide-tables"
        expect(row.get_by_label("Attributes")).to_have_value("harbour: Ferrol\nyear: 2026")
        (document,) = client.get(f"{address}/documents").json()["data"]
        assert document["attributes"] == {"harbour": "Ferrol", "year": 2026}

        page.get_by_label("A question to the files").fill("When is the tide highest?")
        page.get_by_role("button", name="Search", exact=True).click()
        expect(page.locator(".passages > li").first).to_contain_text("04:12")
        expect(page.locator(".passages > li").first).to_contain_text("lexical")

        page.get_by_label("Tokens in a chunk").fill("5")
        page.get_by_role("button", name="Save").first.click()
        assert client.get(address).json()["settings"]["chunk_tokens"] == 256  # the field itself says no
        page.get_by_label("Tokens in a chunk").fill("128")
        page.get_by_role("button", name="Save").first.click()
        expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
        assert client.get(address).json()["settings"]["chunk_tokens"] == 128

        page.get_by_role("button", name="Delete the knowledge base").click()
        dialog = page.get_by_role("alertdialog")
        expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
        dialog.get_by_role("textbox").fill("Tide Tables")
        dialog.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="Knowledge", exact=True)).to_be_visible()
        assert client.get(address).status_code == 404
