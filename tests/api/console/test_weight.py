"""Pages are light, and what can be read is there at once, with ten thousand users."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response

from churn.scores import Score
from churn.settings import DAY_MS
from tests.api.conftest import NOW_MS, Filled
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

USERS = 10_000
MOST_BYTES = 300_000
MOST_MS = 1000
PATHS = ("/", "/users", "/users/u17", "/what-if", "/model", "/alerting", "/data")
LOADS = 3
"""Of which the best counts: on two cores something else is often under way."""

_PAINTED = """() => new Promise(resolve => new PerformanceObserver(list =>
    resolve(list.getEntries().at(-1).startTime)).observe({ type: "largest-contentful-paint", buffered: true }))"""


@pytest.fixture
def many(filled: Filled, scored: Callable[..., Score]) -> None:
    """Ten thousand users of fifty kinds, each with two days."""
    for day in (1, 0):
        kinds = [
            scored(
                "",
                {"adverts_14d": float(kind), "silence_days": kind / 10},
                version=2 - day,
                as_of=NOW_MS - day * DAY_MS,
            )
            for kind in range(50)
        ]
        for first in range(0, USERS, 1000):
            some = [_named(kinds[number % 50], f"u{number}") for number in range(first, first + 1000)]
            filled.add(*some)


def _named(score: Score, user_id: str) -> Score:
    return Score(**{**vars(score), "user_id": user_id})


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_light_and_painted_at_once(many: None, visit: Visit, path: str) -> None:
    visitor = visit()
    took = []
    for _ in range(LOADS):
        weight = _weighed(visitor.page)
        visitor.go(path)
        took.append(float(visitor.page.evaluate(_PAINTED)))
        assert 1000 < sum(weight.values()) < MOST_BYTES, weight
    assert min(took) < MOST_MS, took


def _weighed(page: Page) -> dict[str, int]:
    """Bytes by address, as they are read; plotly.js and the live stream left out."""
    found: dict[str, int] = {}

    def note(answer: Response) -> None:
        if "plotly" not in answer.url and "/live" not in answer.url and answer.ok:
            found[answer.url] = int(answer.headers.get("content-length", "0"))

    page.on("response", note)
    return found
