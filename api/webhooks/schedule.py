"""When a delivery is tried again, and when not any more."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

DELAYS_S: tuple[float, ...] = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""Before each try, since the one before: the schedule that Standard Webhooks proposes."""
JITTER = 0.2
"""Share of a delay by which it may be longer, so that what failed together does not come back together."""
LONGEST_S = 24 * 3600
"""Of what an answer may ask for with `Retry-After`."""
FAILING_S = 5 * 24 * 3600
"""An endpoint that has failed for so long, without a success between, is switched off."""
KEPT_DELIVERED_S, KEPT_DEAD_S = 7 * 24 * 3600, 30 * 24 * 3600


def delay_s(tries: int, chance: float, retry_after_s: float | None = None) -> float | None:
    """How long to wait after a failed try; None after the last.

    Args:
        tries: how many there were.
        chance: from 0 to 1, at random.
        retry_after_s: what the answer asked for.
    """
    if tries >= len(DELAYS_S):
        return None
    planned = DELAYS_S[tries] * (1 + JITTER * chance)
    return max(planned, min(retry_after_s or 0.0, LONGEST_S))


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """What a `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a date; None for what is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None
