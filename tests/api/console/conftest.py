"""The console in a real Chromium, on a real server that reads a real Valkey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from api.access import COOKIE
from churn.keys import SCOPES, Scope
from tests.api.conftest import Served
from tests.api.webhooks.conftest import deliver, receiver
from tests.browsing import Visitor

__all__ = ["deliver", "receiver"]

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
            visitor = Visitor.of(held.new_page(), url)
            visitors.append(visitor)
            return visitor

        yield open_one
        assert [each.complaints for each in visitors] == [[]] * len(visitors)


def sign_in(held: BrowserContext, served: Served, url: str, scopes: tuple[Scope, ...]) -> None:
    """Gives a browser a session."""
    key, _ = served.context.keys.create("visitor", scopes, per_second=1000)
    held.add_cookies([{"name": COOKIE, "value": served.context.sessions.begin(key.id), "url": url}])
