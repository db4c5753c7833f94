"""A view with a past: some weeks of many users, with alerts, marks, and everything that pages tell of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from churn.scores import Score
from churn.settings import DAY_MS
from tests.api.conftest import NOW_MS, Filled

DAYS = 40


def crowd(filled: Filled, scored: Callable[..., Score], users: int = 30, days: int = DAYS) -> None:
    """Fills the view: `u1` is at the highest risk and has had an alert, every seventh has cancelled lately."""
    for day in range(days):
        as_of = NOW_MS - (days - 1 - day) * DAY_MS
        filled.add(*(_score(scored, number, day, days, as_of) for number in range(1, users + 1)), wall_ms=as_of + 20)


def _score(scored: Callable[..., Score], number: int, day: int, days: int, as_of: int) -> Score:
    annoyed = 40.0 * max(0, day - days // 2) / days if number == 1 else 3.0 * (number % 5)
    silent = float(number % 11) if day > days - 3 else 0.3
    gone: dict[str, Any] = {"status": "cancelled"} if number % 7 == 0 and day > days - 4 else {}
    return scored(
        f"u{number}",
        {"adverts_14d": annoyed, "adverts_3d": annoyed / 3, "silence_days": silent, "paid": float(number % 2)},
        version=day + 1,
        as_of=as_of,
        last_event=as_of - round(silent * DAY_MS),
        level="paid" if number % 2 else "free",
        events=100 + 10 * day,
        received_ms=as_of,
        **gone,
    )
