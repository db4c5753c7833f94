"""The laws of pace, on a clock that runs only when it is told to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.pace import Pace

NOW_S = 1_790_000_000.0
STAMPS = st.lists(st.integers(1_500_000_000_000, 1_500_000_000_000 + 10**9), min_size=1, max_size=30)
SPEEDS = st.floats(0.1, 1e6)
TOLERANCE_S = 1e-5  # a double of seconds since 1970 has steps of 2e-7


class Clock:
    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def released(pace: Pace, clock: Clock, stamps: list[int], busy_s: float = 0.0) -> list[float]:
    """When each event goes out if one waits as told and each takes a while to send."""
    moments = []
    for ts in stamps:
        wait_s = pace.wait_s(ts)
        assert wait_s >= 0
        clock.now_s += wait_s
        moments.append(clock.now_s)
        clock.now_s += busy_s
    return moments


@given(STAMPS, SPEEDS, st.floats(0, 100))
def test_nothing_goes_out_early(stamps: list[int], speed: float, busy_s: float) -> None:
    clock = Clock()
    moments = released(Pace(speed, clock), clock, stamps, busy_s)
    for ts, moment in zip(stamps, moments, strict=True):
        assert moment >= NOW_S + (ts - stamps[0]) / 1000 / speed - TOLERANCE_S


@given(STAMPS, SPEEDS)
def test_events_in_order_go_out_exactly_when_due(stamps: list[int], speed: float) -> None:
    clock = Clock()
    stamps = sorted(stamps)
    moments = released(Pace(speed, clock), clock, stamps)
    due = [NOW_S + (ts - stamps[0]) / 1000 / speed for ts in stamps]
    assert moments == pytest.approx(due, rel=0, abs=TOLERANCE_S)


@given(STAMPS, SPEEDS)
def test_an_event_out_of_order_waits_for_nothing_and_changes_nothing(stamps: list[int], speed: float) -> None:
    clock = Clock()
    pace = Pace(speed, clock)
    newest = 0
    for ts in stamps:
        wait_s = pace.wait_s(ts)
        if ts <= newest:
            assert wait_s <= TOLERANCE_S
        newest = max(newest, ts)
        clock.now_s += wait_s
    assert clock.now_s == pytest.approx(NOW_S + max(0, newest - stamps[0]) / 1000 / speed, rel=0, abs=TOLERANCE_S)


@given(STAMPS)
def test_without_a_speed_nothing_waits(stamps: list[int]) -> None:
    clock = Clock()
    assert set(released(Pace(None, clock), clock, stamps)) == {NOW_S}


@given(st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=30), st.one_of(st.none(), st.floats(1, 1e6)))
def test_live_traffic_never_runs_ahead_of_its_own_time(offsets_ms: list[int], speed: float | None) -> None:
    clock = Clock()
    stamps = [round(NOW_S * 1000) + offset for offset in offsets_ms]
    for ts, moment in zip(stamps, released(Pace(speed, clock, live=True), clock, stamps), strict=True):
        assert moment >= ts / 1000 - TOLERANCE_S


def test_live_traffic_from_the_past_catches_up_and_goes_on_at_the_speed_of_life() -> None:
    clock = Clock()
    hour_ms = 3_600_000
    stamps = [round(NOW_S * 1000) + hours * hour_ms for hours in (-48, -24, 0, 1, 2)]
    moments = released(Pace(86_400.0, clock, live=True), clock, stamps)
    due = [NOW_S, NOW_S + 1, NOW_S + 2, NOW_S + 3600, NOW_S + 7200]
    assert moments == pytest.approx(due, rel=0, abs=TOLERANCE_S)


def test_a_sender_that_fell_behind_makes_up_for_it() -> None:
    clock = Clock()
    pace = Pace(1.0, clock)
    assert pace.wait_s(0) == 0
    clock.now_s += 10
    assert pace.wait_s(4_000) == 0
    assert pace.wait_s(12_000) == pytest.approx(2)


def test_an_older_event_is_not_due_before_a_newer_one_that_came_first() -> None:
    pace = Pace(1.0, Clock())
    assert pace.wait_s(0) == 0
    assert pace.wait_s(10_000) == pace.wait_s(5_000) == pytest.approx(10)
