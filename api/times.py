"""Times as the API reads and writes them, and as the page shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

Clock = Callable[[], int]
"""The wall clock: ms since 1970, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"))


@lru_cache(maxsize=4096)  # what is told of a user, or of many at once, is mostly of the same few moments
def rfc3339(time_ms: int) -> str:
    """A time in ms as RFC 3339 writes it, in UTC.

    >>> rfc3339(1_538_352_117_005)
    '2018-10-01T00:01:57.005Z'
    """
    # Whole numbers all the way: a float of seconds would lose milliseconds.
    return (_NAIVE_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds") + "Z"


def parsed(text: Any) -> int:
    """A time as RFC 3339 writes it, in ms; its offset must be there.

    >>> parsed("2018-10-01T02:01:57.005+02:00")
    1538352117005

    Raises:
        ValueError: it is none, nobody could tell in which zone it is, or :func:`rfc3339` could not write it.
    """
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in str(text).upper():
        raise ValueError("a time is written as 2018-10-01T00:01:57Z")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time is from the year 1 to 9999, in UTC") from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


Instant = Annotated[
    int,
    BeforeValidator(parsed),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2018-10-01T00:01:57Z"]}),
]
"""A time that comes with a request, RFC 3339; handlers get ms since 1970."""


def in_utc(time_ms: int) -> datetime:
    """A time in ms as a moment in UTC."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def readable(time_ms: int) -> str:
    """A time in ms for a person, in UTC: `1 Oct 2018, 00:01 UTC`."""
    moment = in_utc(time_ms)
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
