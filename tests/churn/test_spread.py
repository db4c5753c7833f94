"""How the risks are spread, on a real Valkey."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.settings import DAY_MS
from churn.spread import BINS, HOUR_MS, KEY, Remembered, Spread, Spreads, hour_of
from churn.view import View

pytestmark = pytest.mark.servers

HOUR = hour_of(1_541_000_000_000)
ON_A_SERVER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def view(own_view: View) -> View:
    own_view.redis.flushdb()
    return own_view


@pytest.fixture
def spreads(view: View) -> Spreads:
    return Spreads(view.redis)


def rank(view: View, risks: list[float], band: str = "low") -> None:
    if risks:
        places: dict[str, float] = {f"{band}{place}": risk for place, risk in enumerate(risks)}
        view.redis.zadd("churn:ranking", places)
        view.redis.zadd(f"churn:ranking:{band}", places)


def test_an_hour_begins_at_its_full_minute() -> None:
    assert hour_of(HOUR + HOUR_MS - 1) == hour_of(HOUR) == HOUR
    assert hour_of(HOUR + HOUR_MS) == HOUR + HOUR_MS


@ON_A_SERVER
@given(st.lists(st.one_of(st.floats(0, 1 + 1e-9), st.sampled_from([place / BINS for place in range(BINS + 1)]))))
def test_everybody_is_counted_once_and_in_their_place(view: View, risks: list[float]) -> None:
    view.redis.flushdb()
    rank(view, risks)
    counts = Spreads(view.redis).now().counts
    expected = [0] * BINS
    for risk in risks:
        expected[max(place for place in range(BINS) if place == 0 or risk >= place / BINS)] += 1
    assert list(counts) == expected


def test_a_day_before_is_the_next_hour_that_is_remembered(view: View, spreads: Spreads) -> None:
    assert spreads.before(HOUR) is None
    assert (spreads.newest_hour(), spreads.oldest_hour()) == (None, None)
    rank(view, [0.01, 0.07, 0.07])
    spreads.remember(HOUR)
    rank(view, [0.99], "high")
    spreads.remember(HOUR + 2 * HOUR_MS)
    first = Remembered(HOUR, Spread((1, 2) + (0,) * 18, {"high": 0, "medium": 0, "low": 3}))
    second = Remembered(HOUR + 2 * HOUR_MS, Spread((1, 2) + (0,) * 17 + (1,), {"high": 1, "medium": 0, "low": 3}))
    assert spreads.before(HOUR + DAY_MS - 1) is None
    assert spreads.before(HOUR + DAY_MS) == first
    assert spreads.before(HOUR + DAY_MS + 2 * HOUR_MS - 1) == first
    assert spreads.before(HOUR + DAY_MS + 2 * HOUR_MS) == second
    assert spreads.before(HOUR + 9 * DAY_MS) == second
    assert spreads.now() == second.spread
    assert (spreads.oldest_hour(), spreads.newest_hour()) == (HOUR, HOUR + 2 * HOUR_MS)


def test_an_hour_is_remembered_once_and_for_fourteen_days(view: View, spreads: Spreads) -> None:
    for hour in range(14 * 24 + 9):
        spreads.remember(HOUR + hour * HOUR_MS)
    assert view.redis.zcard(KEY) == 14 * 24
    assert spreads.oldest_hour() == HOUR + 9 * HOUR_MS
    newest = spreads.newest_hour()
    assert newest is not None
    rank(view, [0.5])
    spreads.remember(newest)
    assert view.redis.zcard(KEY) == 14 * 24
    again = spreads.before(newest, 0)
    assert again is not None
    assert sum(again.spread.counts) == 1


def test_a_rebuild_leaves_what_was_then(view: View, spreads: Spreads) -> None:
    rank(view, [0.5])
    spreads.remember(HOUR)
    view.clear_scores()
    assert sum(spreads.now().counts) == 0
    assert spreads.before(HOUR + DAY_MS) is not None
