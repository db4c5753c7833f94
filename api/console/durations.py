"""How long something lasts, in words."""

from __future__ import annotations

import math

from churn.settings import DAY_MS

_UNITS = ((3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


def lasting(time_ms: float) -> str:
    """A length of time in the largest unit that fills at least once; days, to the nearest one, from two days on.

    >>> lasting(7_300_000)
    '2 hours'
    >>> lasting(47 * 3_600_000)
    '47 hours'
    """
    if time_ms >= 2 * DAY_MS:
        return f"{round(time_ms / DAY_MS):,} days"
    for unit_ms, name in _UNITS:
        if time_ms >= unit_ms:
            count = int(time_ms // unit_ms)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a second"


def lately(age_s: float) -> str:
    """Since when something is at most so old, in words that change seldom.

    >>> lately(3)
    'within the last 10 seconds'
    """
    if age_s <= 10:
        return "within the last 10 seconds"
    minutes = math.ceil(age_s / 60)
    return "within the last minute" if minutes == 1 else f"within the last {minutes:,} minutes"


def delay(time_ms: float) -> str:
    """A delay with its unit: `7 ms`, `2.4 s`."""
    return f"{time_ms:,.0f} ms" if time_ms < 1000 else f"{time_ms / 1000:,.1f} s"


def rate(per_second: float) -> str:
    """Events a second with as many digits as can be read: `0.3`, `61`, `91,000`."""
    return f"{per_second:,.0f}" if per_second >= 10 or per_second == 0 else f"{per_second:.2g}"
