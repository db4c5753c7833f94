from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.bands import changed, shares, told_before
from api.console.unusual import Seen, notes
from churn.outcomes import Band
from churn.settings import DAY_MS
from churn.spread import HOUR_MS, Remembered, Spread

BANDS: dict[Band, int] = {"high": 12, "medium": 40, "low": 200}
USUAL = Seen(
    minute_events=3600,
    minute_rate=60,
    mean_rate=60,
    known_ms=600_000,
    alerts_hour=2,
    alerts_day=30,
    bands=BANDS,
    bands_before=BANDS,
    before="a day before",
)


def test_nothing_is_unusual_where_nothing_is_known_or_all_is_as_ever() -> None:
    assert notes(Seen()) == []
    assert notes(USUAL) == []


def test_a_jump_of_the_event_clock_is_told_as_long_as_alerts_wait_for_it() -> None:
    [note] = notes(replace(USUAL, waits_until="27 Nov 2026, 10:00 UTC"))
    assert "before 27 Nov 2026, 10:00 UTC of event time" in note


@pytest.mark.parametrize(
    ("minute", "mean", "begin"),
    [(181, 60, "Many"), (180, 60, ""), (19, 60, "Few"), (20, 60, ""), (0, 60, "Few"), (0, 0.4, ""), (0, 0.6, "Few")],
)
def test_events_three_times_as_many_or_as_few(minute: float, mean: float, begin: str) -> None:
    seen = replace(USUAL, minute_rate=minute, minute_events=round(minute * 60), mean_rate=mean)
    found = notes(seen)
    assert [note.split()[0] for note in found] == ([begin] if begin else [])
    assert notes(replace(seen, known_ms=60_000)) == [], "one minute has no average"


def test_the_figures_are_told() -> None:
    [note] = notes(replace(USUAL, minute_rate=240, minute_events=14_400))
    assert note == "Many events come: 240 a second in the last minute, 60 on average over ten minutes."


@pytest.mark.parametrize(
    ("hour", "day", "known_hours", "told"),
    [(6, 30, 24, True), (4, 4, 24, False), (5, 5, 24, True), (5, 40, 24, False), (9, 9, 2, False), (9, 9, 0, False)],
)
def test_many_alerts(hour: int, day: int, known_hours: float, told: bool) -> None:
    found = notes(replace(USUAL, alerts_hour=hour, alerts_day=day, known_hours=known_hours))
    assert bool(found) is told
    assert all(note.startswith(f"Many alerts: {hour} in the last hour") for note in found)


@pytest.mark.parametrize(
    ("band", "before", "now", "words"),
    [
        ("medium", 40, 49, "The medium band has grown from 40 to 49 users since a day before."),
        ("medium", 40, 48, ""),
        ("medium", 40, 31, "The medium band has shrunk from 40 to 31 users since a day before."),
        ("high", 2, 6, ""),  # so few come and go
        ("high", 2, 7, "The high band has grown from 2 to 7 users since a day before."),
        ("high", 0, 5, "The high band has grown from 0 to 5 users since a day before."),
    ],
)
def test_a_band_that_has_moved(band: Band, before: int, now: int, words: str) -> None:
    seen = replace(USUAL, bands={**BANDS, band: now}, bands_before={**BANDS, band: before})
    assert notes(seen) == ([words] if words else [])


def test_an_event_clock_that_stands_still_is_unusual_only_while_events_come() -> None:
    [note] = notes(replace(USUAL, still_ms=120_000))
    assert "has stood still for 2 minutes" in note
    assert notes(replace(USUAL, still_ms=120_000, minute_events=0, minute_rate=1, mean_rate=1)) == []
    assert notes(replace(USUAL, still_ms=50_000)) == []


@given(st.lists(st.integers(0, 10_000), min_size=3, max_size=3))
def test_the_bar_is_full_and_without_gaps(sizes: list[int]) -> None:
    held: dict[Band, int] = dict(zip(BANDS, sizes, strict=True))
    found = shares(held, None)
    assert [share.users for share in found] == sizes
    for share, behind in pairwise(found):
        assert share.at + share.width == pytest.approx(behind.at, abs=0.02)
    if sum(sizes):
        assert found[-1].at + found[-1].width == pytest.approx(100, abs=0.02)


def test_changes_in_words() -> None:
    assert [changed(each) for each in (3, 0, -1200)] == ["3 more", "as many", "1,200 fewer"]
    assert [share.change for share in shares(BANDS, {**BANDS, "high": 10})] == ["2 more", "as many", "as many"]


@pytest.mark.parametrize(
    ("gap_ms", "words"),
    [
        (DAY_MS, "a day before"),
        (DAY_MS + 3 * HOUR_MS, "a day before"),
        (DAY_MS + 4 * HOUR_MS, "28 hours before"),
        (3 * DAY_MS, "3 days before"),
    ],
)
def test_how_long_before_is_told_as_it_was(gap_ms: int, words: str) -> None:
    assert told_before(10 * DAY_MS, Remembered(10 * DAY_MS - gap_ms, Spread((), BANDS))) == words
