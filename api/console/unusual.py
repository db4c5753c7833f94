"""What is unusual now: a few plain rules, so that everybody can say why something is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.console.durations import lasting, rate
from churn.outcomes import Band

FACTOR = 3
"""How many times more, or less, than on average is unusual."""
MOVED = 0.2
"""The share by which a band has to grow or shrink."""
LEAST_EVENTS = 30
"""A minute in which fewer are to be expected, and came, says nothing."""
LEAST_ALERTS = 5
LEAST_USERS = 5
LEAST_KNOWN_MS = 3 * 60_000
STILL_MS = 60_000


@dataclass(frozen=True)
class Seen:
    """What the rules look at.

    Attributes:
        minute_events: scored in the last minute.
        minute_rate: events a second in the last minute; None while nothing is known.
        mean_rate: the same over ten minutes.
        known_ms: how much of the ten minutes is known.
        alerts_hour: raised in the last hour of event time.
        alerts_day: raised in the last day of event time.
        known_hours: how much of that day is known.
        bands: users by band.
        bands_before: the same some time before; None when that is not known.
        before: that time in words, such as `a day before`.
        still_ms: how long the event clock has stood still.
        waits_until: until when alerts for falling silent wait after a jump of the event clock; empty when they do not.
    """

    minute_events: int = 0
    minute_rate: float | None = None
    mean_rate: float | None = None
    known_ms: int = 0
    alerts_hour: int = 0
    alerts_day: int = 0
    known_hours: float = 24
    bands: Mapping[Band, int] | None = None
    bands_before: Mapping[Band, int] | None = None
    before: str = ""
    still_ms: int = 0
    waits_until: str = ""


def notes(seen: Seen) -> list[str]:
    """A sentence for each thing that is unusual."""
    return [note for note in (_events(seen), _clock(seen), _wait(seen), _alerts(seen), *_bands(seen)) if note]


def _events(seen: Seen) -> str:
    now, mean = seen.minute_rate, seen.mean_rate
    if now is None or mean is None or seen.known_ms < LEAST_KNOWN_MS:
        return ""
    if max(seen.minute_events, mean * 60) < LEAST_EVENTS:
        return ""
    figures = f"{rate(now)} a second in the last minute, {rate(mean)} on average over ten minutes"
    if now > mean * FACTOR:
        return f"Many events come: {figures}."
    return f"Few events come: {figures}." if now < mean / FACTOR else ""


def _clock(seen: Seen) -> str:
    if not seen.minute_events or seen.still_ms < STILL_MS:
        return ""
    return (
        f"Events come, but the event clock has stood still for {lasting(seen.still_ms)}: they are all older than the "
        "newest one. Look at the clocks of whatever sends them."
    )


def _wait(seen: Seen) -> str:
    if not seen.waits_until:
        return ""
    return (
        "The event clock has jumped, as after an outage of the whole platform: nobody enters the high band for falling "
        f"silent before {seen.waits_until} of event time, so that not everybody seems to leave at once."
    )


def _alerts(seen: Seen) -> str:
    mean = seen.alerts_day / min(24.0, max(1.0, seen.known_hours))
    if seen.alerts_hour < LEAST_ALERTS or seen.alerts_hour <= mean * FACTOR:
        return ""
    return (
        f"Many alerts: {seen.alerts_hour:,} in the last hour of event time, {mean:.1f} an hour on average over the day."
    )


def _bands(seen: Seen) -> list[str]:
    if seen.bands is None or seen.bands_before is None:
        return []
    moved = []
    for band, now in seen.bands.items():
        then = seen.bands_before[band]
        if abs(now - then) > max(then * MOVED, LEAST_USERS - 1):
            what = "grown" if now > then else "shrunk"
            moved.append(f"The {band} band has {what} from {then:,} to {now:,} users since {seen.before}.")
    return moved
