from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from api.times import ago, parsed, readable, rfc3339

TIMES_MS = st.integers(0, 4_000_000_000_000)


@given(TIMES_MS)
def test_rfc3339_loses_no_millisecond(time_ms: int) -> None:
    text = rfc3339(time_ms)
    assert len(text) == 24
    assert text.endswith("Z")
    assert (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == time_ms


@given(st.datetimes(timezones=st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-23, 0, 23)])))
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))))
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
def test_what_is_read_can_be_written(moment: datetime) -> None:
    try:
        time_ms = parsed(moment.isoformat())
    except ValueError as error:
        assert "from the year 1 to 9999" in str(error)  # noqa: PT017 (most are read)
        return
    assert parsed(rfc3339(time_ms)) == time_ms


def test_readable() -> None:
    assert readable(1_541_000_000_000) == "31 Oct 2018, 15:33 UTC"


def test_ago_uses_the_largest_unit() -> None:
    cases = {-5: "just now", 59_999: "just now", 60_000: "1 minute ago", 3_599_999: "59 minutes ago"}
    cases |= {7_300_000: "2 hours ago", 86_400_000: "1 day ago", 86_400_000 * 1234: "1,234 days ago"}
    assert {age_ms: ago(age_ms) for age_ms in cases} == cases
