"""From when to when a log really tells what people did: by this time labels are made.

One event with a wrong clock, weeks after all others, would otherwise move the end of the log, and everybody would seem
to have lapsed on the last days on which they were really looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import event_log
from churn.errors import ChurnError
from churn.settings import DAY_MS, Labels

LEAST_SHARE = 0.05
"""Of the events of a median day: a day at either end of a log that holds fewer is not one on which it was kept."""


@dataclass(frozen=True)
class Day:
    """A day (UTC) that holds events: how many, and the times of its first and last one, ms since 1970."""

    events: int
    first_ms: int
    last_ms: int


def span(log: DataFrame, say: Callable[[str], None]) -> tuple[int, int]:
    """First and last time of the days on which a log was kept, ms since 1970.

    Args:
        log: events, at least one; only `ts` is looked at.
        say: told what lies outside, if anything does.

    Raises:
        ChurnError: the log is silent for weeks.
    """
    days = _by_day(log)
    _require_unbroken(days)
    first, last = kept_days(days)
    if outside := left_out(days, first, last):
        say(outside)
    return days[first].first_ms, days[last].last_ms


def kept_days(days: Mapping[int, Day]) -> tuple[int, int]:
    """The first and the last day on which a log was kept, by days since 1970.

    Each may be a weak day beside a strong one: the part of a day with which a log begins or on which it was cut.
    """
    least = LEAST_SHARE * median(day.events for day in days.values())
    strong = [day for day, held in days.items() if held.events >= least]
    kept = [day for day in days if min(strong) - 1 <= day <= max(strong) + 1]
    return min(kept), max(kept)


def left_out(days: Mapping[int, Day], first: int, last: int) -> str:
    """What lies before the first and after the last kept day, in a sentence; empty when nothing does."""
    before = sum(held.events for day, held in days.items() if day < first)
    after = sum(held.events for day, held in days.items() if day > last)
    sides = ((before, f"before {event_log.date(first)}"), (after, f"after {event_log.date(last)}"))
    told = [f"{count:,} {'event' if count == 1 else 'events'} {where}" for count, where in sides if count]
    if not told:
        return ""
    verb = "is" if before + after == 1 else "are"
    return f"{' and '.join(told)} {verb} left out of the span of the log: the days there hold next to nothing."


def require_span(labels: Labels, span_ms: tuple[int, int], parts: int) -> None:
    """Raises ChurnError where a log is too short to be learnt from: each part of its snapshot dates takes a day."""
    days = (span_ms[1] - span_ms[0]) / DAY_MS
    needed = labels.warm_up_days + labels.horizon_days + parts * labels.grid_days
    if days < needed:
        raise ChurnError(
            f"The log spans {days:.1f} days; training needs {needed} (warm-up {labels.warm_up_days}, "
            f"horizon {labels.horizon_days}, {parts * labels.grid_days} to learn from).",
            "Give a longer log, or lower labels.warm_up_days or labels.horizon_days.",
        )


def _by_day(log: DataFrame) -> dict[int, Day]:
    day = F.floor(F.col("ts") / DAY_MS).alias("day")
    rows = log.groupBy(day).agg(F.count("*").alias("events"), F.min("ts").alias("first"), F.max("ts").alias("last"))
    return {row["day"]: Day(row["events"], row["first"], row["last"]) for row in rows.collect()}


def _require_unbroken(days: Mapping[int, Day]) -> None:
    found = event_log.gap({day: held.events for day, held in days.items()})
    if found is not None:
        before, after = map(event_log.date, found)
        raise ChurnError(
            f"The log is silent from {before} to {after}.",
            "Take out the events with a wrong clock, or give the part on one side of the silence.",
        )
