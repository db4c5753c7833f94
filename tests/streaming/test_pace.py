from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.pace import Pace

TIMES = st.lists(st.integers(1_500_000_000_000, 1_500_000_900_000), min_size=1, max_size=30)


class Clock:
    """A wall clock that moves when somebody waits."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@given(TIMES, st.floats(0.5, 1e5))
def test_event_time_passes_at_the_speed_asked_for(times: list[int], speed: float) -> None:
    clock = Clock(2e9)
    pace = Pace(speed, clock)
    newest = times[0]
    for ts in times:
        clock.now_s += pace.wait_s(ts)
        newest = max(newest, ts)
        assert abs((clock.now_s - 2e9) - (newest - times[0]) / 1000 / speed) < 1e-5


@given(TIMES)
def test_at_full_speed_nobody_waits(times: list[int]) -> None:
    pace = Pace(None, Clock(2e9))
    assert all(pace.wait_s(ts) == 0 for ts in times)


@given(TIMES, st.floats(1_499_999_900, 1_500_000_900))
def test_live_traffic_never_comes_before_its_time(times: list[int], now_s: float) -> None:
    clock = Clock(now_s)
    pace = Pace(1e9, clock, live=True)
    for ts in sorted(times):
        clock.now_s += pace.wait_s(ts)
        assert clock.now_s >= ts / 1000 - 1e-6


def test_who_falls_behind_does_not_wait() -> None:
    clock = Clock(0.0)
    pace = Pace(1.0, clock)
    assert pace.wait_s(0) == 0
    clock.now_s = 100.0
    assert pace.wait_s(50_000) == 0
    assert pace.wait_s(101_000) == 1.0
