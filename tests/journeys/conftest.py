"""A browser that the modules of journeys take turns with."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.journeys.browser import BUILT, FLAGS


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)  # a loaded machine is slow, not broken
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("No Chromium on PATH: install it (Debian: apt install chromium) to test the page.")
    assert BUILT.is_file(), "The page is not built: install the package without DOUMI_SKIP_WEB."
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield running
        running.close()
