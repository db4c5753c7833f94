"""How many users are in each band, and how that has changed since about a day of event time before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.console.durations import lasting
from churn.outcomes import Band
from churn.settings import DAY_MS
from churn.spread import HOUR_MS, Remembered

_NEAR_MS = 3 * HOUR_MS
"""So far from a whole day is still "a day"."""


@dataclass(frozen=True)
class Share:
    """One band's users.

    Attributes:
        band: which.
        users: how many.
        at, width: where its part of the bar begins and how wide it is, per cent.
        change: since before, such as `3 more`, and of the first band since when; empty when that is not known.
    """

    band: Band
    users: int
    at: float
    width: float
    change: str


def shares(sizes: Mapping[Band, int], before: Mapping[Band, int] | None, since: str = "") -> list[Share]:
    """The bands in the order of the bar.

    Args:
        sizes: users by band.
        before: the same some time before, None when that is not known.
        since: that time in words, which the first of them tells.
    """
    found: list[Share] = []
    ranked, passed = max(1, sum(sizes.values())), 0
    for band, users in sizes.items():
        change = "" if before is None else changed(users - before[band], "" if found else since)
        found.append(Share(band, users, round(passed * 100 / ranked, 2), round(users * 100 / ranked, 2), change))
        passed += users
    return found


def changed(difference: int, since: str = "") -> str:
    """A difference in words.

    >>> changed(-2, "a day before")
    '2 fewer than a day before'
    """
    if not difference:
        return f"as many as {since}" if since else "as many"
    words = f"{abs(difference):,} {'more' if difference > 0 else 'fewer'}"
    return f"{words} than {since}" if since else words


def told_before(clock_ms: int, before: Remembered) -> str:
    """How long before the clock it was."""
    gap_ms = clock_ms - before.hour_ms
    return "a day before" if abs(gap_ms - DAY_MS) <= _NEAR_MS else f"{lasting(gap_ms)} before"
