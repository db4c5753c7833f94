from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.webhooks.schedule import DELAYS_S, JITTER, LONGEST_S, delay_s, retry_after_s

NOW_S = 1_541_000_000.0


def test_eight_tries_over_more_than_a_day() -> None:
    assert DELAYS_S == (0, 5, 300, 1800, 7200, 18_000, 36_000, 36_000)
    assert [delay_s(tries, 0.0) for tries in range(1, 9)] == [5, 300, 1800, 7200, 18_000, 36_000, 36_000, None]


@given(st.integers(1, 7), st.floats(0, 1))
def test_jitter_only_makes_it_later_and_by_a_fifth_at_most(tries: int, chance: float) -> None:
    waited = delay_s(tries, chance)
    assert waited is not None
    assert DELAYS_S[tries] <= waited <= DELAYS_S[tries] * (1 + JITTER)


def test_an_answer_may_ask_for_more_but_not_for_less_nor_for_ever() -> None:
    assert delay_s(1, 0.0, 60.0) == 60.0
    assert delay_s(3, 0.0, 60.0) == 1800.0
    assert delay_s(1, 0.0, 1e9) == LONGEST_S
    assert delay_s(8, 0.0, 60.0) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (format_datetime(datetime.fromtimestamp(NOW_S + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW_S - 90, UTC), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("1e99", None),
        ("9" * 400, 999_999_999.0),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after_s(header, NOW_S) == expected
