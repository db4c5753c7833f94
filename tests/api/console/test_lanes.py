from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.durations import lasting
from api.console.lanes import HALF_LIFE_DAYS, Silence, came, plans, silences, stretches
from api.console.user_chart import LANES, counted
from api.console.user_spans import between
from churn.features import NAMES
from churn.settings import DAY_MS
from churn.view import Moment

T_MS = 1_538_524_800_000  # 2018-10-03T00:00Z
HOUR_MS = 3_600_000

shares = st.lists(st.floats(0, 1), max_size=300)
spans = st.integers(1, 60 * DAY_MS)
pasts = st.floats(0, 1e4)


def faded(age_ms: float) -> float:
    """The definition of an event's weight, from nothing but the half-life."""
    return math.pow(0.5, age_ms / (HALF_LIFE_DAYS * DAY_MS))


def later(before: float, span_ms: int, shares: list[float]) -> float:
    """A sum after an interval in which events came at some shares of it."""
    return before * faded(span_ms) + sum(faded(span_ms * (1 - share)) for share in shares)


def _above(value: float) -> float:
    """A value and what rounding may have taken from it, also where it is the least that a double can hold."""
    return value * (1 + 1e-9) + 1e-300


@given(pasts, spans, st.integers(0, 500))
def test_events_at_the_end_of_the_interval_are_counted_exactly(before: float, span_ms: int, count: int) -> None:
    told = came(before, later(before, span_ms, [1.0] * count), span_ms)
    assert told.least == pytest.approx(count, abs=1e-6)


@given(pasts, spans, shares)
def test_wherever_they_came_the_count_is_between_the_bounds(before: float, span_ms: int, shares: list[float]) -> None:
    told = came(before, later(before, span_ms, shares), span_ms)
    most = told.most + 1e-6 / faded(span_ms)
    assert told.least - 1e-6 <= len(shares) <= most
    assert told.least <= _above(told.about) <= _above(most)
    # So the error has a bound that depends on nothing but the span.
    assert abs(told.about - len(shares)) <= len(shares) * (1 / faded(span_ms) - 1) + 1e-6 / faded(span_ms)


@given(pasts, spans, st.integers(1, 400))
def test_events_that_came_evenly_are_counted_about_right(before: float, span_ms: int, count: int) -> None:
    even = [(place + 0.5) / count for place in range(count)]
    told = came(before, later(before, span_ms, even), span_ms)
    assert told.about == pytest.approx(count, rel=0.01 + 0.4 / count, abs=1e-5)


@given(pasts, pasts, st.integers(-DAY_MS, 20_000 * DAY_MS))
def test_a_count_is_never_negative_and_never_anything_else_than_a_number(before: float, after: float, ms: int) -> None:
    told = came(before, after, ms)
    assert 0 <= told.least <= _above(told.about) <= _above(_above(told.most)) < math.inf
    assert told.count >= 0


def moment(day: float, **features: float) -> Moment:
    return Moment(T_MS + round(day * DAY_MS), 1, "m1", dict.fromkeys(NAMES, 0.0) | features)


def test_what_came_in_between_is_told_in_words() -> None:
    first, second = moment(0, adverts_14d=5.0), moment(2, adverts_14d=5.0 * faded(2 * DAY_MS) + 11.5)
    [adverts] = stretches([first, second], LANES[0].signals)
    assert counted(LANES[0], adverts) == "about 12 adverts between 3 and 5 Oct"
    [songs] = stretches([moment(0), moment(1, songs_free_14d=2.0, songs_paid_14d=1.0)], LANES[4].signals)
    assert songs.came.least == pytest.approx(3.0)
    assert counted(LANES[1], stretches([moment(0), moment(0.25, thumbs_up_14d=1.0)], LANES[1].signals)[0]) == (
        "about 1 thumb up on 3 Oct, 00:00 to 06:00"
    )
    assert stretches([first], LANES[0].signals) == []


def test_a_silence_that_several_moments_tell_of_is_one() -> None:
    told = silences([
        moment(0, silence_days=0.9), moment(5, silence_days=2.0), moment(7, silence_days=4.0),
        moment(9, silence_days=0.1), moment(12, silence_days=3.0),
    ])  # fmt: skip
    assert told == [
        Silence(T_MS + 3 * DAY_MS, T_MS + 7 * DAY_MS),
        Silence(T_MS + 9 * DAY_MS, T_MS + 12 * DAY_MS),
    ]


def test_a_plan_that_stays_is_one_stretch_and_a_change_lies_between_two_moments() -> None:
    told = plans([moment(0), moment(1), moment(2), moment(3, paid=1.0), moment(4, paid=1.0)])
    assert [((each.until_ms - each.since_ms) // DAY_MS, each.before, each.after) for each in told] == [
        (2, "free", "free"),
        (1, "free", "paid"),
        (1, "paid", "paid"),
    ]


@pytest.mark.parametrize(
    ("span_ms", "words"),
    [
        (6 * HOUR_MS, "on 3 Oct, 00:00 to 06:00"),
        (2 * DAY_MS, "between 3 and 5 Oct"),
        (40 * DAY_MS, "between 3 Oct and 12 Nov"),
        (100 * DAY_MS, "between 3 Oct 2018 and 11 Jan 2019"),
    ],
)
def test_an_interval_in_words(span_ms: int, words: str) -> None:
    assert between(T_MS, T_MS + span_ms) == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0, "less than a second"), (1, "1 hour"), (47.9, "47 hours"), (48, "2 days"), (166, "7 days"), (2400, "100 days")],
)
def test_how_long_in_words(hours: float, words: str) -> None:
    assert lasting(hours * HOUR_MS) == words


def test_the_lanes_count_features_of_the_table() -> None:
    counted: list[Any] = [f"{signal}_{HALF_LIFE_DAYS}d" for lane in LANES for signal in lane.signals]
    assert set(counted) <= set(NAMES)
