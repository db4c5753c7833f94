"""Quiet hours: when alerts that come wait until the morning, by the wall clock of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from churn.settings import Policy


def quiet_until(policy: Policy, now_ms: int) -> int | None:
    """When the quiet hours end that hold now, ms since 1970; None outside of them.

    A night may go over midnight, and over a change of the clocks: its end is what the clock on the wall shows.
    """
    if policy.quiet_from is None or policy.quiet_until is None:
        return None
    begin, end = time.fromisoformat(policy.quiet_from), time.fromisoformat(policy.quiet_until)
    now = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(policy.quiet_zone))
    over_midnight = end <= begin
    at = now.time()
    if not (at >= begin or at < end if over_midnight else begin <= at < end):
        return None
    day = now.date() + timedelta(days=1) if over_midnight and at >= begin else now.date()
    ends = datetime.combine(day, end, now.tzinfo)
    if ends.astimezone(UTC) <= now.astimezone(UTC):  # the clocks went back: the wall shows that time once more
        ends = ends.replace(fold=1)
    return int(ends.astimezone(UTC).timestamp() * 1000)
