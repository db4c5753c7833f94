"""The console in a real Chromium, on a real server that reads a real Valkey."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api.access import COOKIE
from churn.keys import SCOPES, Scope
from tests.api.conftest import Served

# As root there is no sandbox to be had; and nothing of its own may go out into the network.
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

PATIENCE_MS = 10_000


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Where it must not be missing, the variable TESTS_NEED_CHROMIUM says so."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        words = "There is no Chromium: install the package chromium."
        if os.environ.get("TESTS_NEED_CHROMIUM"):
            pytest.fail(words)
        pytest.skip(words)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        yield running
        running.close()


@dataclass
class Visitor:
    """Somebody who looks at a console, signed in with a key of some scopes.

    Attributes:
        page: their tab.
        url: of the server.
        complaints: what the browser has had to say, such as what the policy refused; a test that expects some
            empties it.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Opens a page, and waits until its script has begun."""
        self.page.goto(self.url + path)
        return self.page


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens browsers, each with a session of its own; at the end nothing may have gone wrong in any of them."""
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def open_one(
            served: Served | None = None,
            scopes: tuple[Scope, ...] = SCOPES,
            size: tuple[int, int] = (1280, 900),
            **options: Any,
        ) -> Visitor:
            server: Served = served or request.getfixturevalue("served")
            viewport: Any = {"width": size[0], "height": size[1]}
            held = browser.new_context(viewport=viewport, timezone_id="Europe/Berlin", **options)
            stack.callback(held.close)
            url = str(server.client.base_url).rstrip("/")
            sign_in(held, server, url, scopes)
            visitor = watched(held.new_page(), url)
            visitors.append(visitor)
            return visitor

        yield open_one
        assert [each.complaints for each in visitors] == [[]] * len(visitors)


def sign_in(held: BrowserContext, served: Served, url: str, scopes: tuple[Scope, ...]) -> None:
    """Gives a browser a session."""
    key, _ = served.context.keys.create("visitor", scopes, per_second=1000)
    held.add_cookies([{"name": COOKIE, "value": served.context.sessions.begin(key.id), "url": url}])


def watched(page: Page, url: str) -> Visitor:
    """A tab whose complaints are kept."""
    visitor = Visitor(page, url)
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda said: visitor.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    return visitor
