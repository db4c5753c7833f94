from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.modes import PATIENCE_S, AutoMode, Running


def auto() -> AutoMode:
    return AutoMode(live_lag=100, backlog_lag=1000)


def test_it_starts_live_only_where_it_would_go_live() -> None:
    assert [auto().first(lag) for lag in (0, 100, 101)] == ["realtime", "realtime", "microbatch"]


def test_it_goes_live_at_the_lag_of_the_setting() -> None:
    assert [auto().next("microbatch", lag, 0) for lag in (101, 100)] == ["microbatch", "realtime"]


def test_a_backlog_has_to_last() -> None:
    mode = auto()
    assert mode.next("realtime", 5000, 50) == "realtime"
    assert mode.next("realtime", 5000, 50 + PATIENCE_S - 0.1) == "realtime"
    assert mode.next("realtime", 5000, 50 + PATIENCE_S) == "microbatch"


def test_a_burst_that_was_taken_is_forgotten() -> None:
    mode = auto()
    mode.next("realtime", 5000, 0)
    assert mode.next("realtime", 1000, PATIENCE_S) == "realtime"
    assert mode.next("realtime", 5000, PATIENCE_S + 1) == "realtime"


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_between_the_two_lags_nothing_changes_and_changes_are_far_apart(lags: list[int]) -> None:
    mode, now, changed_s = auto(), "realtime", -PATIENCE_S
    for second, lag in enumerate(lags):
        after: Running = mode.next(now, lag, second)  # type: ignore[arg-type]
        if 100 < lag <= 1000:
            assert after == now
        if after == "microbatch" != now:
            assert second - changed_s >= PATIENCE_S
        if after != now:
            now, changed_s = after, second
