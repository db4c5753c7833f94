"""When events come: the hours of the week as a grid of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def rhythm(days: Sequence[Day]) -> Rhythm:
    """Events an hour on an average day of each weekday; at least one day is given."""
    means = [_means([day for day in days if day.weekday == weekday]) for weekday in range(7)]
    known = {(weekday, hour): mean for weekday, some in enumerate(means) for hour, mean in enumerate(some or ())}
    most = max(known, key=lambda at: known[at])
    least = min(known, key=lambda at: known[at])
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
            (f"{hour}:00", *("none" if means[day] is None else _mean(known[day, hour]) for day in range(7)))
            for hour in _HOURS
        ],
    )


def _means(days: Sequence[Day]) -> list[float] | None:
    """Of each hour; None of a weekday on which nothing came."""
    return [sum(day.hours[hour] for day in days) / len(days) for hour in _HOURS] if days else None


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
