"""How long something lasts, in words."""

from __future__ import annotations

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


def lasting(time_ms: float) -> str:
    """A length of time in the largest unit that fills at least once.

    >>> lasting(7_300_000)
    '2 hours'
    """
    for unit_ms, name in _UNITS:
        if time_ms >= unit_ms:
            count = int(time_ms // unit_ms)
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "less than a second"


def delay(time_ms: float) -> str:
    """A delay with its unit: `7 ms`, `2.4 s`."""
    return f"{time_ms:,.0f} ms" if time_ms < 1000 else f"{time_ms / 1000:,.1f} s"


def rate(per_second: float) -> str:
    """Events a second with as many digits as can be read: `0.3`, `61`, `91,000`."""
    return f"{per_second:,.0f}" if per_second >= 10 or per_second == 0 else f"{per_second:.2g}"
