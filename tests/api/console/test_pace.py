from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.durations import delay, lasting, lately, rate
from api.console.pace import STEP_MS, STEPS, Pace
from churn.pulse import Pulse

NOW_MS = 1_790_000_000_000


def each_second(*events: int, ends_ms: int = NOW_MS, p50_ms: float = 7, p99_ms: float = 29) -> list[Pulse]:
    begins_ms = ends_ms - (len(events) - 1) * 1000
    return [
        Pulse(begins_ms + place * 1000, 0, count, *((p50_ms, p99_ms) if count else (None, None)))
        for place, count in enumerate(events)
    ]


def test_before_the_first_pulse_nothing_is_known() -> None:
    pace = Pace([], NOW_MS)
    assert (pace.age_ms, pace.silent_ms, pace.still_ms, pace.heard) == (None, None, 0, False)
    assert pace.minute.per_second is pace.minute.p50_ms is pace.whole.worst_ms is None
    assert {step.per_second for step in pace.steps} == {None}


def test_events_a_second_now_and_on_average() -> None:
    pace = Pace(each_second(*[60] * 540, *[120] * 60), NOW_MS)
    assert pace.age_ms == 0
    assert pace.now.per_second == pace.minute.per_second == 120
    assert pace.whole.per_second == 66
    assert (pace.minute.events, pace.whole.covered_ms) == (7200, 600_000)


def test_a_second_that_took_longer_counts_as_long_as_it_took() -> None:
    pulses = [Pulse(NOW_MS - 2500, 0, 0), Pulse(NOW_MS - 1250, 0, 100), Pulse(NOW_MS, 0, 100)]
    assert Pace(pulses, NOW_MS).now.per_second == pytest.approx(200 / 3.5)


def test_while_publish_was_away_nothing_is_known() -> None:
    pulses = [*each_second(*[10] * 100, ends_ms=NOW_MS - 200_000), *each_second(*[10] * 100)]
    pace = Pace(pulses, NOW_MS)
    assert pace.whole.covered_ms == 100_000 + 5_000 + 99_000
    assert [step.per_second is None for step in pace.steps].count(True) == 40
    assert pace.now.per_second == 10


def test_the_clock_of_publish_may_be_ahead_and_may_be_set_back() -> None:
    pace = Pace(each_second(*[5] * 60, ends_ms=NOW_MS + 30_000), NOW_MS)
    assert (pace.age_ms, pace.now.per_second) == (0, 5)
    pulses = [*each_second(*[50] * 60, ends_ms=NOW_MS + 3_600_000), *each_second(*[5] * 60)]
    pace = Pace(pulses, NOW_MS + 12_000)
    assert (pace.age_ms, pace.minute.per_second) == (12_000, 5)


def test_how_long_nothing_was_scored() -> None:
    pace = Pace(each_second(0, 3, 0, 0), NOW_MS + 500)
    assert (pace.silent_ms, pace.heard) == (2500, True)
    pace = Pace(each_second(0, 0, 0), NOW_MS)
    assert (pace.silent_ms, pace.heard) == (2000, False)


def test_how_long_the_event_clock_has_stood_still() -> None:
    clocks = [5, 5, 7, 7, 7]
    pulses = [Pulse(NOW_MS + place * 1000, 0, 1, None, None, clock) for place, clock in enumerate(clocks)]
    assert Pace(pulses, NOW_MS).still_ms == 2000


def test_seconds_count_by_their_events_and_the_worst_is_told() -> None:
    pulses = [*each_second(1, 1, 1, ends_ms=NOW_MS - 1000, p50_ms=500, p99_ms=1900), *each_second(400)]
    minute = Pace(pulses, NOW_MS).minute
    assert (minute.p50_ms, minute.p99_ms, minute.worst_ms) == (7, 29, 1900)
    assert minute.late == 3 / 403
    minute = Pace([*pulses[:3], *each_second(290)], NOW_MS).minute
    assert (minute.p50_ms, minute.p99_ms) == (7, 1900), "more than 1 of 100"


def test_of_all_scores_at_most_one_in_fifty_is_beyond_the_p99() -> None:
    slow, quick = each_second(*[10] * 28, ends_ms=NOW_MS - 32_000, p50_ms=8000, p99_ms=9000), each_second(*[10] * 32)
    minute = Pace([*slow, *quick], NOW_MS).minute
    assert (minute.p50_ms, minute.p99_ms) == (7, 9000)
    assert minute.late == pytest.approx(28 / 60)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 50)), min_size=1, max_size=60))
def test_few_scores_are_of_seconds_beyond_the_figures(seconds: list[tuple[int, int]]) -> None:
    minute = Pace(
        [Pulse(NOW_MS - place, 0, events, p99 / 2, p99) for place, (p99, events) in enumerate(seconds)][::-1], NOW_MS
    ).minute
    p50_ms, p99_ms = minute.p50_ms, minute.p99_ms
    assert p50_ms is not None
    assert p99_ms is not None
    assert p99_ms in {p99 for p99, _ in seconds}
    assert sum(events for p99, events in seconds if p99 > p99_ms) * 100 <= minute.events
    assert sum(events for p99, events in seconds if p99 / 2 > p50_ms) * 2 <= minute.events
    assert sum(events for p99, events in seconds if p99 / 2 < p50_ms) * 2 <= minute.events


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 100)), max_size=80), st.integers(0, 20_000))
def test_the_steps_are_the_ten_minutes_before_a_full_ten_seconds(gaps: list[tuple[int, int]], later_ms: int) -> None:
    at_ms, pulses = NOW_MS, []
    for gap_ms, events in gaps:
        at_ms += gap_ms
        pulses.append(Pulse(at_ms, 0, events, 1.0, 2.0))
    pace = Pace(pulses, at_ms + later_ms)
    assert len(pace.steps) == STEPS
    assert pace.ends_ms % STEP_MS == 0
    assert 0 <= at_ms + later_ms - pace.ends_ms < STEP_MS
    begins_ms = pace.ends_ms - STEPS * STEP_MS
    assert sum(step.events for step in pace.steps) == sum(
        pulse.events for pulse in pulses if begins_ms < pulse.wall_ms <= pace.ends_ms
    )
    assert pace.now.events <= pace.minute.events <= pace.whole.events
    assert all(earlier.wall_ms <= later.wall_ms for earlier, later in pairwise(pulses))


@pytest.mark.parametrize(
    ("time_ms", "words"),
    [
        (0, "less than a second"),
        (1000, "1 second"),
        (59_999, "59 seconds"),
        (3_600_000, "1 hour"),
        (86_400_000, "24 hours"),
        (2e8, "2 days"),
    ],
)
def test_how_long_something_lasts_in_words(time_ms: float, words: str) -> None:
    assert lasting(time_ms) == words


def test_ages_in_words_that_change_seldom() -> None:
    assert [lately(each) for each in (0, 10, 10.1, 60, 60.1, 300)] == [
        *["within the last 10 seconds"] * 2,
        *["within the last minute"] * 2,
        "within the last 2 minutes",
        "within the last 5 minutes",
    ]


def test_figures_have_as_many_digits_as_can_be_read() -> None:
    assert [rate(each) for each in (0, 0.25, 4.56, 61.4, 91_234)] == ["0", "0.25", "4.6", "61", "91,234"]
    assert [delay(each) for each in (7.2, 999, 1000, 2440)] == ["7 ms", "999 ms", "1.0 s", "2.4 s"]
