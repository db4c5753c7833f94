"""How times and speeds are read."""

from __future__ import annotations

import pytest

from churn.arguments import as_ms, as_speed


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2018-11-12T00:00:00Z", 1_541_980_800_000),
        ("2018-11-12", 1_541_980_800_000),
        ("2018-11-12T01:00:00+01:00", 1_541_980_800_000),
        ("2018-11-12 00:00:00.5", 1_541_980_800_500),
    ],
)
def test_times_without_a_zone_are_utc(text: str, ms: int) -> None:
    assert as_ms(text) == ms
    assert as_ms(None) is None


def test_speeds() -> None:
    assert (as_speed("max"), as_speed("3600"), as_speed("0.5")) == (None, 3600.0, 0.5)
