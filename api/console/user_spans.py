"""Times and intervals in words, in UTC, where there is no room for more."""

from __future__ import annotations

from datetime import date

from api.times import in_utc


def day(at: int | date, year: bool = False) -> str:
    """A day, or that of a time in ms: `3 Oct`, with the year `3 Oct 2018`."""
    moment = at if isinstance(at, date) else in_utc(at)
    return f"{moment.day} {moment:%b %Y}" if year else f"{moment.day} {moment:%b}"


def between(since_ms: int, until_ms: int) -> str:
    """An interval: `between 3 and 5 Oct`, within one day `on 3 Oct, 08:00 to 14:00`."""
    first, last = in_utc(since_ms), in_utc(until_ms)
    if first.date() == last.date():
        return f"on {day(since_ms)}, {first:%H:%M} to {last:%H:%M}"
    if first.year != last.year:
        return f"between {day(since_ms, year=True)} and {day(until_ms, year=True)}"
    if first.month != last.month:
        return f"between {day(since_ms)} and {day(until_ms)}"
    return f"between {first.day} and {day(until_ms)}"
