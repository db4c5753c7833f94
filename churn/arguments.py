"""What people write on the command line, read: times, speeds, modes. Each error is one sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast, get_args

from churn.errors import ChurnError
from churn.settings import Mode


def as_ms(moment: str | None) -> int | None:
    """A time as people write it, in ms since 1970; UTC where it names no zone."""
    if moment is None:
        return None
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        raise ChurnError(f"{moment} is not a time.", "Write it like 2018-11-12T00:00:00Z.") from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def as_speed(speed: str) -> float | None:
    """Event seconds per second, None for as fast as it goes."""
    if speed == "max":
        return None
    try:
        value = float(speed)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ChurnError(f"{speed} is not a speed.", "Give a number above 0, such as 3600, or max.")
    return value


def as_mode(mode: str | None) -> Mode | None:
    """One of the stream's modes."""
    if mode not in (None, *get_args(Mode)):
        raise ChurnError(f"{mode} is not a mode.", "Say auto, realtime or microbatch.")
    return cast("Mode | None", mode)
