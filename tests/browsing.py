"""A real Chromium, and what it has to say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

# As root there is no sandbox to be had; and nothing of its own may go out into the network.
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

PATIENCE_MS = 20_000
"""On two cores something else may be under way: how fast pages are, other tests say."""
expect.set_options(timeout=PATIENCE_MS)


def missing(package: str, what_for: str) -> None:
    """Skips a test on a machine that lacks a package; where it must not lack it, TESTS_NEED_CHROMIUM says so."""
    words = f"{what_for}: install the package {package}."
    if os.environ.get("TESTS_NEED_CHROMIUM"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("chromium", "There is no Chromium to look at the console with")
    return str(found)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """For one file: as long as it runs, it has an event loop in this thread, beside which `asyncio.run` refuses."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        yield running
        running.close()


@dataclass
class Visitor:
    """Somebody who looks at a console.

    Attributes:
        page: their tab.
        url: of the server, without a slash at its end.
        complaints: what the browser has had to say, such as what the policy refused; a test that expects some
            empties it.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page, url: str) -> Visitor:
        """A tab whose complaints are kept."""
        visitor = cls(page, url)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: visitor._note(said.type, said.text))
        page.on("pageerror", lambda error: visitor._note("error", str(error)))
        return visitor

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def go(self, path: str) -> Page:
        """Opens a page."""
        self.page.goto(self.url + path)
        return self.page
