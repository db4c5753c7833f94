"""Times as the API and the page write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""The wall clock: ms since 1970, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"))


def rfc3339(time_ms: int) -> str:
    """A time in ms as RFC 3339 writes it, in UTC.

    >>> rfc3339(1_538_352_117_005)
    '2018-10-01T00:01:57.005Z'
    """
    # Whole numbers all the way: a float of seconds would lose milliseconds.
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def readable(time_ms: int) -> str:
    """A time in ms for a person, in UTC: `1 Oct 2018, 00:01 UTC`."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def ago(age_ms: int) -> str:
    """How long ago in words, in the largest unit that fills at least once.

    >>> ago(7_300_000)
    '2 hours ago'
    """
    for unit_ms, name in _UNITS:
        if age_ms >= unit_ms:
            count = age_ms // unit_ms
            return f"{count:,} {name}{'' if count == 1 else 's'} ago"
    return "just now"
