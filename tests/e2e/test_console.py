"""The console of the whole system: what is posted by HTTP goes through Kafka, Spark and Redis onto an open page."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from churn.child import Child
from churn.clock import wall_clock
from churn.embedded import free_port
from churn.keys import SCOPES, Keys
from churn.sessions import Sessions
from churn.settings import DAY_MS
from churn.simulator import Simulation
from tests.browsing import Visitor
from tests.e2e.conftest import Row, Running, send
from tests.e2e.test_demo import Demo

pytestmark = [pytest.mark.servers, pytest.mark.spark]

WITHIN_S = 2.0
"""From posting an event to the page that shows it."""


@pytest.fixture
def rows() -> list[Row]:
    """Some days of a few users, up to a moment ago."""
    now_ms = wall_clock()
    return [row for row in Simulation(20, now_ms - 4 * DAY_MS, now_ms, seed=3).events() if row["userId"]]


def served(running: Running, eventually: Callable[..., bool]) -> str:
    """Starts everything, and returns where it serves."""
    port = free_port()
    for command in ("stream", "publish"):
        running.start(command, "realtime")
    serve = running.start("serve", CHURN_API__PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    assert eventually(lambda: answers(f"{url}/healthz", serve), 30), serve.tail(20)
    return url


def answers(url: str, program: Child) -> bool:
    assert program.alive, program.tail(20)
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def post(url: str, key: str, event: Row) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/events", json.dumps(event).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202


def test_an_event_that_is_posted_moves_row_and_chart_within_two_seconds(
    running: Running, rows: list[Row], browser: Browser, eventually: Callable[..., bool]
) -> None:
    url = served(running, eventually)
    send(rows, running.kafka)
    assert eventually(lambda: running.view.books().events_scored == len(rows), 120)
    key, token = Keys(running.view.redis, wall_clock).create("test", SCOPES, per_second=1000)
    last = rows[-1]
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as held:
        visitor = Visitor.of(held.new_page(), url)
        visitor.go(f"/sign-in?link={Sessions(running.view.redis).link(key.id)}")
        page = visitor.page
        page.wait_for_url(f"{url}/")
        took = [
            _moved(page, url, token, {**last, "page": "Thumbs Down", "ts": wall_clock(), "itemInSession": 5000 + n})
            for n in range(5)
        ]
        assert max(took) < WITHIN_S, took
        assert visitor.complaints == []


def _moved(page: Page, url: str, token: str, event: Row) -> float:
    """Posts an event of a user whose page is open; how long until what it shows and the figures of its chart move."""
    page.goto(f"{url}/users/{event['userId']}")
    expect(page.locator("#link")).to_have_text("Live")
    figure = page.locator("figure[data-chart]").first
    expect(figure.locator(".plot")).to_have_class(re.compile("js-plotly-plot"))
    before = figure.get_attribute("data-figures") or ""
    page.evaluate("window.sameAsBefore = true")
    began_s = time.monotonic()
    post(url, token, event)
    expect(figure).not_to_have_attribute("data-figures", before, timeout=10_000)
    took_s = time.monotonic() - began_s
    assert page.evaluate("window.sameAsBefore")
    return took_s


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path / "demo")
    yield started
    started.end()


def test_the_demo_prints_a_link_that_opens_on_now_and_something_moves(
    demo: Demo, browser: Browser, record_property: Callable[[str, object], None]
) -> None:
    """On this very machine in a minute and a half; the test allows for a slower one."""
    began_s = time.monotonic()
    url = str(demo.announced(240)["url"]).rstrip("/")
    announced_s = time.monotonic() - began_s
    link = re.search(r"http\S+/sign-in\?link=\S+", demo.said.read_text())
    assert link, demo.said.read_text()
    with browser.new_context() as held:
        visitor = Visitor.of(held.new_page(), url)
        visitor.page.goto(link[0])
        visitor.page.wait_for_url(f"{url}/")
        expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("at high risk")
        rates = visitor.page.locator("#rates")
        before = rates.get_attribute("data-figures") or ""
        expect(rates).not_to_have_attribute("data-figures", before, timeout=15_000)
        record_property("link_after_s", announced_s)
        record_property("moved_after_s", time.monotonic() - began_s)
        assert visitor.complaints == []
