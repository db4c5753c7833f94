"""Times on pages: in words, with the machine's form for the script that puts them into the viewer's zone."""

from __future__ import annotations

from dataclasses import dataclass

from api.times import ago, readable, rfc3339


@dataclass(frozen=True)
class Moment:
    """A time for a page.

    Attributes:
        iso: RFC 3339.
        words: what is shown.
        utc: what is shown when somebody points at it.
    """

    iso: str
    words: str
    utc: str


def now_of(time_ms: int) -> Moment:
    """A time by itself."""
    return Moment(rfc3339(time_ms), readable(time_ms), readable(time_ms))


def since(time_ms: int, clock_ms: int | None) -> Moment:
    """How long ago by the event clock, which is the clock of the log: a replay of 2018 reads as 2018 did."""
    words = readable(time_ms) if clock_ms is None else ago(clock_ms - time_ms)
    return Moment(rfc3339(time_ms), words, readable(time_ms))
