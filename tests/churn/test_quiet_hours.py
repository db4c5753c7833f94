from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.quiet_hours import quiet_until
from churn.settings import Policy

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Policy(quiet_from="22:00", quiet_until="07:30", quiet_zone="Europe/Berlin")
SHORT = Policy(quiet_from="22:00", quiet_until="02:30", quiet_zone="Europe/Berlin")
NOON = Policy(quiet_from="12:00", quiet_until="13:00", quiet_zone="Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("policy", "now", "until"),
    [
        (NIGHT, "2026-01-10T21:59:59+01:00", None),
        (NIGHT, "2026-01-10T22:00:00+01:00", "2026-01-11T07:30:00+01:00"),
        (NIGHT, "2026-01-11T03:00:00+01:00", "2026-01-11T07:30:00+01:00"),
        (NIGHT, "2026-01-11T07:30:00+01:00", None),
        (NIGHT, "2026-03-28T23:00:00+01:00", "2026-03-29T07:30:00+02:00"),  # clocks go forward in that night
        (NIGHT, "2026-10-24T23:00:00+02:00", "2026-10-25T07:30:00+01:00"),  # and back in that
        (SHORT, "2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),  # the first 02:10 of that night
        (SHORT, "2026-10-25T02:40:00+02:00", None),
        (SHORT, "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),  # and the second
        (SHORT, "2026-10-25T02:30:00+01:00", None),
        (NOON, "2026-01-10T11:59:59+01:00", None),
        (NOON, "2026-01-10T12:00:00+01:00", "2026-01-10T13:00:00+01:00"),
        (NOON, "2026-01-10T13:00:00+01:00", None),
        (Policy(), "2026-01-10T03:00:00+01:00", None),
    ],
)
def test_by_the_clock_on_the_wall(policy: Policy, now: str, until: str | None) -> None:
    assert quiet_until(policy, ms(now)) == (None if until is None else ms(until))


@given(st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)))  # noqa: DTZ001 (hypothesis wants them so)
def test_they_end_at_their_time_within_a_day_and_not_in_quiet_hours(moment: datetime) -> None:
    now_ms = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    until_ms = quiet_until(NIGHT, now_ms)
    if until_ms is None:
        local = datetime.fromtimestamp(now_ms / 1000, BERLIN).time().isoformat()
        assert "07:30" <= local < "22:00"
        return
    assert 0 < until_ms - now_ms <= timedelta(hours=11).total_seconds() * 1000
    assert datetime.fromtimestamp(until_ms / 1000, BERLIN).strftime("%H:%M") == "07:30"
    assert quiet_until(NIGHT, until_ms) is None
