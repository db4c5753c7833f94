"""What counts as closed, what as come true, and how sure a share is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console import honesty
from api.console.honesty import Judged, judge
from api.console.model_shares import FEW_USERS, estimate
from api.histories import History, histories
from churn.settings import DAY_MS

HOUR_MS = 3_600_000
HORIZON_MS = 14 * DAY_MS
START_MS = 1_538_352_000_000


def past(*points: tuple[float, str], status: str = "active", model: str = "m1") -> History:
    """Points by the days since the start and the band; each says a risk of .3."""
    made = [f'[{START_MS + round(day * DAY_MS)},{place},0.2,0.1,"{band}"]' for place, (day, band) in enumerate(points)]
    return History(made, status, model)  # type: ignore[arg-type]


def judged(*kept: History, clock_days: float = 50) -> Judged:
    return judge(kept, HORIZON_MS, START_MS + round(clock_days * DAY_MS))


def test_the_first_of_a_day_counts_and_only_with_a_band() -> None:
    told = judged(past((0, "low"), (0.3, "high"), (1, "none"), (1.2, "medium"), (1.5, "high")))
    assert told.band == ["low", "medium"]
    assert told.chance == pytest.approx([0.3, 0.3])


def test_a_score_is_closed_when_its_horizon_is_over() -> None:
    one = past((0, "low"), (1, "low"))
    assert judged(one, clock_days=14 - 1e-6).user == []
    assert judged(one, clock_days=14).user == [0]
    told = judged(one, clock_days=15)
    assert (told.user, told.newest_ms, told.first_ms) == ([0, 0], START_MS + DAY_MS, START_MS)


@pytest.mark.parametrize(
    ("points", "came"),
    [
        ([(0, "high"), (14, "none")], True),
        ([(0, "high"), (14.01, "none")], False),
        ([(0, "high"), (3, "none"), (13.9, "low")], False),
        ([(0, "high"), (3, "none"), (14.1, "low")], True),
        ([(0, "high"), (3, "none"), (5, "low"), (9, "none")], True),
        ([(0, "high"), (3, "low")], False),
    ],
    ids=["left on the last day", "left later", "back in time", "back later", "left again", "stayed"],
)
def test_who_was_gone_at_the_end_has_left(points: list[tuple[float, str]], came: bool) -> None:
    assert (judged(past(*points)).came[0] is not None) is came


def test_how_somebody_left_is_known_of_the_last_time() -> None:
    points = [(0, "high"), (2, "none"), (20, "low"), (25, "none")]
    assert judged(past(*points, status="cancelled")).came == ["unknown", "cancelled"]
    assert judged(past(*points, status="lapsed")).came[-1] == "lapsed"
    assert judged(past((0, "low"), (3, "none"), status="active")).came == ["unknown"]


def test_by_band_and_in_bins() -> None:
    leaving = [past((0, "high"), (5, "none"), status="cancelled") for _ in range(30)]
    staying = [past((0, "low"), (5, "low")) for _ in range(90)]
    told = judged(*leaving, *staying).honesty(7, 500)
    assert [(each.band, each.scores, each.users, each.came.value) for each in told.bands] == [
        ("high", 30, 30, 1.0),
        ("low", 180, 90, 0.0),
    ]
    assert (told.bands[0].cancelled, told.bands[0].lapsed, told.bands[0].unknown) == (30, 0, 0)
    assert (told.scores, told.users, told.looked_at, told.of_users) == (210, 120, 120, 500)
    assert len(told.bins) == 210 // honesty.SCORES_PER_BIN
    assert sum(each.scores for each in told.bins) == 210
    assert told.error is not None


def test_nothing_at_all() -> None:
    told = judged().honesty(7, 0)
    assert (told.scores, told.bands, told.bins, told.error, told.first_ms) == (0, (), (), None, None)
    assert judged(past((0, "none")), History([], None, "")).honesty(7, 2).first_ms is None


@given(st.integers(1, 400), st.integers(0, 400))
def test_of_one_score_a_user_it_is_wilson(users: int, left: int) -> None:
    came = np.arange(users) < min(left, users)
    found = estimate(came, np.arange(users))
    assert 0 <= found.low <= found.value <= found.high <= 1
    # The interval holds the shares from which what came is 1.96 standard errors away.
    if users >= FEW_USERS and 0 < found.value < 1:
        number = users - 1  # the variance between users is that of a sample
        for edge in (found.low, found.high):
            assert abs(found.value - edge) == pytest.approx(1.96 * (edge * (1 - edge) / number) ** 0.5, rel=1e-3)


def test_scores_that_are_all_alike_tell_no_more_than_their_users() -> None:
    once = estimate(np.arange(100) < 30, np.arange(100))
    often = estimate(np.repeat(np.arange(100) < 30, 20), np.repeat(np.arange(100), 20))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    mixed = estimate(np.tile(np.arange(20) < 6, 100), np.repeat(np.arange(100), 20))
    assert mixed.high - mixed.low < (often.high - often.low) / 3


def test_of_few_users_each_is_one_observation() -> None:
    """Two users half of whose scores came true: that they are alike says nothing of others."""
    found = estimate(np.tile([True, False], 90), np.repeat([0, 1], 90))
    assert found.high - found.low > 0.7


def test_nobody_left_is_no_certainty() -> None:
    found = estimate(np.zeros(200, dtype=bool), np.repeat(np.arange(10), 20))
    assert found.low == 0
    assert found.high > 0.2


@pytest.mark.servers
def test_what_publish_writes_is_read(filled: Any, score: Any) -> None:
    first = score("7").as_of
    for day in range(3):
        filled.add(score("7", version=1 + day, as_of=first + day * DAY_MS, p_cancel=0.5, p_lapse=0.1))
    filled.add(score("7", version=9, as_of=first + 5 * DAY_MS, status="cancelled"))
    filled.add(score("8", as_of=first + 40 * DAY_MS))
    found = {each.status: each for each in histories(filled.view.redis, 10, filled.view.clock())}
    told = judge([found["cancelled"], found["active"]], HORIZON_MS, filled.view.clock())
    assert told.came == ["cancelled"] * 3
    assert told.chance == pytest.approx([0.6] * 3)
    assert told.models == {"m1"}
    assert len(list(histories(filled.view.redis, 1, filled.view.clock()))) == 1


@pytest.mark.servers
def test_those_who_left_long_ago_do_not_stand_for_those_who_stayed(filled: Any, score: Any) -> None:
    """Of whoever is scored the view keeps 60 days; of those who have left it keeps their last ones for ever."""
    first = score("7").as_of
    for user_id, day, last in (
        ("long gone", 10, "cancelled"),
        ("lately gone", 50, "cancelled"),
        ("there", 50, "active"),
    ):
        filled.add(
            score(user_id, as_of=first + day * DAY_MS),
            score(user_id, version=2, as_of=first + (day + 10) * DAY_MS, status=last),
        )
    clock_ms = first + 100 * DAY_MS
    told = judge(histories(filled.view.redis, 10, clock_ms), HORIZON_MS, clock_ms)
    assert (told.looked_at, sorted(map(str, told.came))) == (3, ["None", "None", "cancelled"])
    assert told.first_ms == first + 50 * DAY_MS
