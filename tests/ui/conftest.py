"""A browser, with which tests visit the shared service. Without Chromium they are skipped with the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.running_service import RunningService
from tests.ui.visitor import CHROMIUM, Visitor

expect.set_options(timeout=30_000)
"""Milliseconds: as long as Playwright's actions wait. Its 5 s are too few while other tests use the same cores."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """It ends with each module: Playwright keeps an event loop running, beside which other tests could run none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium libatomic1")
    with sync_playwright() as playwright:
        # Chromium's sandbox needs rights that containers and root don't have. The pages are the service's own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, service: RunningService, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody with a browser, who has never been here."""
    with Visitor.of(browser, service.client.base_url) as visitor:
        yield visitor
