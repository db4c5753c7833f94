"""When events come: the hours of the week as a grid of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from api.times import in_utc
from churn.tally_reader import Day

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PLURALS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_HOURS = range(24)
_CELL = 100 / 24


@dataclass(frozen=True)
class Cell:
    """One hour of a weekday.

    Attributes:
        x, width, y, height: of what is filled, per cent of its row.
        opacity: from 0 to 1.
        words: for whoever points at it.
    """

    x: float
    width: float
    y: float
    height: float
    opacity: float
    words: str


@dataclass(frozen=True)
class Rhythm:
    """The grid, and the same as a table.

    Attributes:
        says: what is to be seen, and what a cell means.
        weekdays: name and cells of each.
        marks: hours that are written below, and where.
        head, rows: of the table.
    """

    says: str
    weekdays: Sequence[tuple[str, Sequence[Cell]]]
    marks: Sequence[tuple[str, float]]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def rhythm(days: Sequence[Day], since_ms: int, clock_ms: int | None) -> Rhythm:
    """Events an hour on an average day of each weekday.

    Args:
        days: in order; at least one.
        since_ms: when counting began, by the wall clock.
        clock_ms: the event clock; None before the first score.
    """
    known, going_on = _means(days, _At.of(since_ms), _end(days[-1], clock_ms))
    most = max(known, key=lambda at: known[at])
    least = min((at for at in known if at != going_on), key=lambda at: known[at], default=most)
    full = known[most] or 1.0
    return Rhythm(
        says=f"Most events come on {_when(*most)} ({_mean(known[most])} on average), fewest on {_when(*least)} "
        f"({_mean(known[least])}). The fuller a cell, the more events an hour; a full one stands for "
        f"{_mean(known[most])}. All hours are UTC.",
        weekdays=[
            (WEEKDAYS[weekday], [_cell(weekday, hour, known.get((weekday, hour)), full) for hour in _HOURS])
            for weekday in range(7)
        ],
        marks=[(f"{hour}:00", round(hour * _CELL, 3)) for hour in range(0, 24, 6)],
        head=("From (UTC)", *WEEKDAYS),
        rows=[
            (f"{hour}:00", *(_mean(known[day, hour]) if (day, hour) in known else "none" for day in range(7)))
            for hour in _HOURS
        ],
    )


@dataclass(frozen=True, order=True)
class _At:
    """An hour of a day."""

    date: date
    hour: int

    @classmethod
    def of(cls, time_ms: int) -> _At:
        moment = in_utc(time_ms)
        return cls(moment.date(), moment.hour)


def _end(newest: Day, clock_ms: int | None) -> _At:
    """The hour that goes on: what came may be ahead of the event clock, and come without any score."""
    came = _At(newest.date, max((hour for hour in _HOURS if newest.hours[hour]), default=0))
    return came if clock_ms is None else max(came, _At.of(clock_ms))


def _means(days: Sequence[Day], begin: _At, end: _At) -> tuple[dict[tuple[int, int], float], tuple[int, int] | None]:
    """Of each hour of the week that was counted; and the one of them that rests on nothing but the hour that goes on.

    Where the log is of another time than the wall clock, no day of it is the one on which counting began.
    """
    counts: dict[tuple[int, int], list[int]] = {}
    for day in days:
        for hour, events in enumerate(day.hours):
            at = _At(day.date, hour)
            is_before = day.date == begin.date and at < begin
            # What came counts, whatever its time says.
            if events or not (is_before or (day is days[-1] and at >= end)):
                counts.setdefault((day.weekday, hour), []).append(events)
    last = end.date.weekday(), end.hour
    going_on = last if end.date == days[-1].date and len(counts.get(last, ())) == 1 else None
    return {at: sum(some) / len(some) for at, some in (counts or {last: [0]}).items()}, going_on


def _cell(weekday: int, hour: int, mean: float | None, full: float) -> Cell:
    share = (mean or 0.0) / full
    told = "nothing came yet" if mean is None else f"{_mean(mean)} events an hour"
    filled = round(100 * share)
    return Cell(
        x=round(hour * _CELL, 3),
        width=round(_CELL * 0.88, 3),
        y=100 - filled,
        height=filled,
        opacity=round(0.45 + 0.55 * share, 2),
        words=f"{WEEKDAYS[weekday]} {hour}:00 to {hour + 1}:00 UTC: {told}",
    )


def _when(weekday: int, hour: int) -> str:
    return f"{_PLURALS[weekday]} from {hour}:00 to {hour + 1}:00"


def _mean(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
