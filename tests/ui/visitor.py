"""Somebody who uses the dashboard with a browser, and notices what is wrong on any page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
THEMES = ("light", "dark")
WIDTHS = (375, 1280)
HEIGHT = 900
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """A browser window. Errors in the console, failed requests and violated policies fail the test at the end."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self._expected: tuple[str, ...] = ()
        self.requests: list[str] = []
        self._base_url = base_url
        page.on("console", lambda message: self._note(message.type == "error", message.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    @classmethod
    @contextmanager
    def of(cls, browser: Browser, base_url: str, **options: Any) -> Iterator[Self]:
        """A new window, without anything that an earlier one kept. `options` are those of a browser context."""
        options = {"viewport": {"width": WIDTHS[-1], "height": HEIGHT}, "reduced_motion": "reduce"} | options
        context = browser.new_context(**options)
        visitor = cls(context.new_page(), base_url)
        try:
            yield visitor
        except BaseException as error:
            # What the browser complained of may be the cause.
            error.add_note("\n".join(visitor.faults))
            raise
        context.close()
        assert not visitor.faults, "\n".join(visitor.faults)

    def expects(self, *statuses: int) -> None:
        """From now on, responses with these statuses are no faults, although Chromium reports them in the console."""
        self._expected = tuple(f"status of {status} " for status in statuses)

    def _note(self, is_fault: bool, text: str) -> None:
        if is_fault and not any(expected in text for expected in self._expected):
            self.faults.append(f"{self.page.url}: {text}")

    def opens(self, path: str) -> Page:
        """The page at a path of the service."""
        self.page.goto(self._base_url + path)
        return self.page

    @contextmanager
    def sees_it_loaded_again(self) -> Iterator[None]:
        """Within the block the visitor does something after which the page is loaded again. What it will show may hold
        on the old page already, and what is done to the old page is lost."""
        with self.page.expect_event("load"):
            yield

    def finds_it_accessible(self) -> None:
        """Check the page, narrow and dark, wide and light: axe finds nothing (WCAG 2.2 AA), and nothing overflows."""
        before = self.page.viewport_size or {"width": WIDTHS[-1], "height": HEIGHT}
        for width, theme in zip(WIDTHS, reversed(THEMES), strict=True):
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{self.page.url} is {overflow} px too wide at {width} px"
            self._run_axe(f"{width} px, {theme}")
        self.page.set_viewport_size(before)

    def _run_axe(self, where: str) -> None:
        results = Axe().run(self.page, options={"runOnly": STANDARDS})
        found = [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in results.response["violations"]
            for node in violation["nodes"]
        ]
        assert found == [], f"{self.page.url} ({where}): " + "\n".join(found)
