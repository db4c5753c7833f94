from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.times import ago, readable, rfc3339

TIMES_MS = st.integers(0, 4_000_000_000_000)


@given(TIMES_MS)
def test_rfc3339_loses_no_millisecond(time_ms: int) -> None:
    text = rfc3339(time_ms)
    assert len(text) == 24
    assert text.endswith("Z")
    assert (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == time_ms


def test_readable() -> None:
    assert readable(1_541_000_000_000) == "31 Oct 2018, 15:33 UTC"


def test_ago_uses_the_largest_unit() -> None:
    cases = {-5: "just now", 59_999: "just now", 60_000: "1 minute ago", 3_599_999: "59 minutes ago"}
    cases |= {7_300_000: "2 hours ago", 86_400_000: "1 day ago", 86_400_000 * 1234: "1,234 days ago"}
    assert {age_ms: ago(age_ms) for age_ms in cases} == cases
