"""The page in a real browser, against a real service: nothing is stubbed, nothing leaves this machine."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browser import PHONE, WIDE, Visit, ask, visiting
from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess

# The text on which the marks of a quote lie, by where they are on the screen.
UNDER_MARKS = """
() => [...document.querySelectorAll('.pdf-mark')].flatMap((mark) => {
  const box = mark.getBoundingClientRect();
  return document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2)
    .filter((element) => element.matches('.pdf-text span'))
    .map((element) => element.textContent);
}).join(' ')
"""


@pytest.fixture(scope="module")
def cookie(browser: Browser, server: ServerProcess) -> object:
    """What the browser keeps after signing in with the link that the start printed. It works once."""
    context = browser.new_context(viewport=WIDE, locale="en-US")
    page = context.new_page()
    page.goto(server.login_url)
    expect(page.get_by_role("navigation", name="Assistants and conversations")).to_be_visible()
    assert "login" not in page.url, "the token stays in the address"
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser: Browser, server: ServerProcess, cookie: object) -> Iterator[Visit]:
    """A signed-in window; whatever breaks the security policy or throws fails the test."""
    context = browser.new_context(viewport=WIDE, locale="en-US", storage_state=cookie)
    yield from visiting(context, server)


@pytest.fixture
def korean_phone(browser: Browser, server: ServerProcess, cookie: object) -> Iterator[Visit]:
    context = browser.new_context(
        viewport=PHONE,
        locale="ko-KR",
        color_scheme="dark",
        has_touch=True,
        is_mobile=True,
        storage_state=cookie,
    )
    yield from visiting(context, server)


def test_a_question_gets_a_cited_answer_whose_citation_opens_the_page_with_the_quote_marked(
    visit: Visit,
) -> None:
    page = visit.page
    visit.go("/")
    page.get_by_role("link", name=re.compile("Employee Handbook")).click()
    ask(page, "How many days of annual leave do I have after five completed years of service?")
    answer = page.locator(".turn .answer")
    expect(answer).to_contain_text("25 days")
    expect(page.locator(".sources")).to_contain_text("employee-handbook.pdf")
    expect(page.locator(".retrieval")).to_contain_text("Searched the files")

    chip = answer.get_by_role("link", name="Source 1: employee-handbook.pdf, page 5")
    chip.hover()
    expect(page.locator(".hover-card")).to_contain_text("25 days")
    chip.click()
    viewer = page.get_by_role("complementary", name="Document")
    expect(viewer.get_by_label("Page", exact=True)).to_have_value("5")
    expect(viewer.locator(".pdf-mark").first).to_be_visible()
    assert "25 days" in page.evaluate(UNDER_MARKS)

    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)


def test_a_conversation_is_kept_and_can_be_opened_again(visit: Visit) -> None:
    page = visit.page
    visit.go("/a/handbook")
    ask(page, "What is the core time for full-time employees?")
    said = page.locator(".turn .answer").inner_text()
    expect(page).to_have_url(re.compile(r"\?c=conv_"))
    page.reload()
    assert page.locator(".turn .answer").inner_text() == said
    assert page.locator(".turn .chip").count() >= 1


def test_a_question_that_the_files_do_not_answer_says_so(visit: Visit) -> None:
    page = visit.page
    visit.go("/a/handbook")
    ask(page, "What is the melting point of tungsten?")
    expect(page.locator(".retrieval")).to_contain_text("Nothing found in the files")
    expect(page.locator(".chip")).to_have_count(0)


def test_an_upload_is_watched_until_ready_then_cited_then_deleted(
    visit: Visit, server: ServerProcess
) -> None:
    with server.client() as client:
        body = {"slug": "page-journey", "name": "Gate Keeper", "instruction": "<persona>Brief.</persona>"}
        assert client.post("/api/assistants", json=body).status_code == 201
    page = visit.page
    visit.go("/a/page-journey?tab=files")
    expect(page.get_by_text("No files yet.")).to_be_visible()
    pages = [f"Page {n} of the gate book. Gate {n} is painted in shade {n * 7}. " * 12 for n in range(1, 41)]
    pages[2] = "The Quillon warehouse in Tartu opens its gates at 05:40 on weekdays. " + pages[2]
    # Not an input by role: it is behind the button, as a file dialog cannot be driven.
    page.locator("input[type=file]").first.set_input_files(
        [
            {"name": "gates 문.pdf", "mimeType": "application/pdf", "buffer": pdf_of(pages)},
            {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""},
        ]
    )
    states = states_until_ready(page, "gates 문.pdf")
    assert any("Reading" in state or "Embedding" in state for state in states), states
    assert "40 pages" in states[-1]
    failed = page.locator(".document", has_text="empty.txt")
    expect(failed.locator(".document-error")).not_to_be_empty()

    page.get_by_role("link", name="Chat").click()
    ask(page, "When does the Quillon warehouse open its gates?")
    expect(page.locator(".turn .answer")).to_contain_text("05:40")
    page.locator(".turn .chip").first.click()
    expect(page.locator(".pdf-mark").first).to_be_visible()
    assert "Quillon" in page.evaluate(UNDER_MARKS)

    page.get_by_role("link", name="Files").click()
    page.get_by_role("button", name="Delete gates 문.pdf").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".document", has_text="gates 문.pdf")).to_have_count(0)


def states_until_ready(page: Page, name: str, within_s: float = 60) -> list[str]:
    """Every different line that the document's row showed, the last one when it was ready."""
    facts = page.locator(".document", has_text=name).locator(".document-facts")
    seen: list[str] = []
    deadline = time.monotonic() + within_s
    while not seen or "Ready" not in seen[-1]:
        assert time.monotonic() < deadline, seen
        line = facts.inner_text()
        if not seen or line != seen[-1]:
            seen.append(line)
        time.sleep(0.02)
    return seen


def test_a_korean_answer_opens_its_page_on_a_phone(korean_phone: Visit) -> None:
    page = korean_phone.page
    korean_phone.go("/a/regulations")
    ask(page, "수습 기간은 몇 개월인가요?")
    page.locator(".turn .chip").first.tap()
    expect(page.get_by_role("complementary", name="문서")).to_be_visible()
    expect(page.locator(".pdf-mark").first).to_be_visible()
    assert "수습" in page.evaluate(UNDER_MARKS).replace(" ", "")


def test_the_address_in_a_citation_opens_the_same_page_by_itself(visit: Visit, server: ServerProcess) -> None:
    with server.client() as client:
        question = {"role": "user", "content": "How long is the probation period for full-time employees?"}
        reply = client.post("/v1/chat/completions", json={"model": "handbook", "messages": [question]}).json()
    citation = reply["citations"][0]
    visit.go(re.sub(r"^https?://[^/]+", "", citation["url"]))
    expect(visit.page.get_by_label("Page", exact=True)).to_have_value(str(citation["page"]))
    expect(visit.page.locator(".pdf-mark").first).to_be_visible()


def test_a_wrong_key_and_a_used_link_are_told_apart_from_an_expired_session(
    browser: Browser, server: ServerProcess, cookie: object
) -> None:
    context = browser.new_context(viewport=WIDE, locale="en-US")
    for visit in visiting(context, server):
        page = visit.page
        page.goto(server.login_url)  # the cookie's fixture has used it
        expect(page.get_by_role("alert")).to_contain_text("sign-in link")
        page.get_by_label("Key").fill("sk-doumi-nobody")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("not known")
        page.get_by_label("Key").fill(server.owner_key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator(".composer")).to_be_visible()
        context.clear_cookies()
        page.locator(".composer textarea").fill("Am I still here?")
        page.locator(".composer textarea").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("signed out")
