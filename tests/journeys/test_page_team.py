"""What owners do in the page: invite, make keys; and what those who are invited do."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import WIDE, Visit, sign_in, visiting
from tests.journeys.server import ServerProcess

PASSWORD = "four plain words here"


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    context = browser.new_context(viewport=WIDE, locale="en-US")
    sign_in(context, server)
    yield from visiting(context, server)


@pytest.fixture
def stranger(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    """Somebody who is not signed in."""
    yield from visiting(browser.new_context(viewport=WIDE, locale="en-US"), server)


def test_who_is_invited_joins_and_signs_in_with_a_password_from_then_on(
    visit: Visit, stranger: Visit, server: ServerProcess
) -> None:
    owner, page = visit.page, stranger.page
    visit.go("/settings/members")
    owner.get_by_label("E-mail (optional)").fill("mina@example.org")
    owner.get_by_role("combobox", name="Role", exact=True).select_option("editor")
    owner.get_by_role("button", name="Make an invitation link").click()
    link = owner.get_by_label("Invitation link").input_value()

    page.goto(link.replace(link.split("/#")[0], server.url))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Join")
    assert "join" not in page.url, "the token stays in the address"
    page.get_by_label("Name").fill("Mina")
    expect(page.get_by_label("E-mail")).to_have_value("mina@example.org")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.locator(".account")).to_contain_text("Editor")

    page.locator(".account").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_label("E-mail").fill("mina@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".account")).to_contain_text("Editor")

    stranger.go("/settings/members")  # not for editors
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    expect(page.get_by_role("link", name="Members")).to_have_count(0)

    visit.go("/settings/members")
    owner.get_by_role("button", name="Remove Mina").click()
    owner.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(owner.get_by_role("button", name="Remove Mina")).to_have_count(0)


def test_a_key_made_in_the_page_works_is_shown_once_and_can_be_revoked(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit.page
    visit.go("/settings/keys")
    page.get_by_label("What it is for").fill("Website")
    page.get_by_label("Employee Handbook").check()
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("Secret key").input_value()
    row = page.locator(".rows > li", has_text="Website")
    expect(row).to_contain_text("handbook")
    expect(row).to_contain_text("never used")

    with server.client(secret) as client:
        models = client.get("/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["handbook"]

    page.reload()
    expect(row).to_contain_text("active")
    expect(page.get_by_label("Secret key")).to_have_count(0)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    refused = httpx.get(
        f"{server.url}/v1/models", headers={"Authorization": f"Bearer {secret}"}, trust_env=False
    )
    assert refused.status_code == 401
