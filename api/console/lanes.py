"""What came in between two moments of a user, told from what the model saw at both.

A decayed sum of a half-life h that was S1 and is S2 a time Δ later holds S2 - S1·2^(-Δ/h) of what came in between:
each event's weight, which is 1 at the end of the interval and 2^(-Δ/h) at its beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from churn.features import Level
from churn.settings import DAY_MS
from churn.view import Moment

HALF_LIFE_DAYS = 14
"""Of the sums that are read: those that fade the least between two moments."""
SILENCE_MS = DAY_MS
"""A silence shorter than this is a night."""
_SAME_MS = 60_000


@dataclass(frozen=True)
class Came:
    """How many events came.

    Attributes:
        least: if all of them came at the end.
        about: if they came evenly.
        most: if all of them came at the beginning.
    """

    least: float
    about: float
    most: float

    @property
    def count(self) -> int:
        """A whole number of events."""
        return round(self.about)


@dataclass(frozen=True)
class Stretch:
    """How many events of one kind came between two moments, ms."""

    since_ms: int
    until_ms: int
    came: Came


@dataclass(frozen=True)
class PlanStretch:
    """The plan between two moments, ms; where the two plans differ, it changed somewhere in between."""

    since_ms: int
    until_ms: int
    before: Level
    after: Level


@dataclass(frozen=True)
class Silence:
    """No event between two times, ms."""

    since_ms: int
    until_ms: int


def came(before: float, after: float, span_ms: int, half_life_days: float = HALF_LIFE_DAYS) -> Came:
    """How many events came between two values of a decayed sum.

    Args:
        before: the sum at the first moment.
        after: the sum at the second one.
        span_ms: from the one to the other.
        half_life_days: of the sum.
    """
    faded = math.log(2) * max(0, span_ms) / (half_life_days * DAY_MS)
    # A new epoch may begin with another past than the one before ended with: then nothing is known to have come.
    least = max(0.0, after - before * math.exp(-faded))
    if faded == 0:
        return Came(least, least, least)
    return Came(least, least * faded / -math.expm1(-faded), least * math.exp(min(faded, 700.0)))


def stretches(moments: Sequence[Moment], signals: Sequence[str]) -> list[Stretch]:
    """How many events came between each two neighbouring moments.

    Args:
        moments: oldest first.
        signals: names of decayed sums without their half-life, whose events are counted together.
    """
    names = [f"{signal}_{HALF_LIFE_DAYS}d" for signal in signals]
    found = []
    for first, second in pairwise(moments):
        span_ms = second.as_of - first.as_of
        parts = [came(first.features[name], second.features[name], span_ms) for name in names]
        total = Came(*(sum(getattr(part, each) for part in parts) for each in ("least", "about", "most")))
        found.append(Stretch(first.as_of, second.as_of, total))
    return found


def plans(moments: Sequence[Moment]) -> list[PlanStretch]:
    """The plan between moments; neighbours on which it was the same are one."""
    found: list[PlanStretch] = []
    for first, second in pairwise(moments):
        this = PlanStretch(first.as_of, second.as_of, _level(first), _level(second))
        if found and found[-1].before == found[-1].after == this.before == this.after:
            found[-1] = PlanStretch(found[-1].since_ms, this.until_ms, this.before, this.after)
        else:
            found.append(this)
    return found


def silences(moments: Sequence[Moment]) -> list[Silence]:
    """Where silence lasted a day or longer, as far as the moments tell; those of one silence are one."""
    found: list[Silence] = []
    for moment in moments:
        days = moment.features["silence_days"]
        since_ms = moment.as_of - round(days * DAY_MS)
        if moment.as_of - since_ms < SILENCE_MS:
            continue
        if found and since_ms < found[-1].until_ms + _SAME_MS:
            found[-1] = Silence(min(since_ms, found[-1].since_ms), moment.as_of)
        else:
            found.append(Silence(since_ms, moment.as_of))
    return found


def _level(moment: Moment) -> Level:
    return "paid" if moment.features["paid"] >= 0.5 else "free"
