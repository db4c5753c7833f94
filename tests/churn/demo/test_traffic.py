"""Simulated listeners do the same at the same hours, whenever the demo is started."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from churn.demo import Plan
from churn.demo.plan import FEWEST_USERS
from churn.demo.traffic import BEHIND_DAYS, Traffic, simulated
from churn.errors import ChurnError
from churn.settings import DAY_MS

NOW_MS = 1_790_000_000_000


def told(folder: Path, now_ms: int) -> Traffic:
    folder.mkdir()
    return simulated(4, folder, now_ms, lambda _: None)


def shifted(lines: list[bytes], by_ms: int) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in lines]
    return [event | {name: event[name] - by_ms for name in ("ts", "registration") if name in event} for event in events]


def test_a_demo_starts_with_the_same_history_on_every_day(tmp_path: Path) -> None:
    first, later = told(tmp_path / "a", NOW_MS), told(tmp_path / "b", NOW_MS + 37 * DAY_MS + 12_345)
    moved_ms = later.cut_ms - first.cut_ms
    assert moved_ms == 35 * DAY_MS
    pairs = [
        (traffic.history.read_bytes().splitlines(), list(itertools.islice(traffic.live, 50)))
        for traffic in (first, later)
    ]
    (history, live), (later_history, later_live) = pairs
    assert len(history) > 100
    assert shifted(later_history, moved_ms) == shifted(history, 0)
    assert shifted(later_live, moved_ms) == shifted(live, 0)


@pytest.mark.parametrize("hours", [0, 1, 100, 167])
def test_live_traffic_begins_between_two_and_three_weeks_back(tmp_path: Path, hours: int) -> None:
    now_ms = NOW_MS + hours * 3_600_000
    behind_ms = now_ms - told(tmp_path / "a", now_ms).cut_ms
    assert BEHIND_DAYS * DAY_MS <= behind_ms < (BEHIND_DAYS + 7) * DAY_MS


def test_too_few_listeners_are_refused() -> None:
    Plan(users=FEWEST_USERS)
    with pytest.raises(ChurnError, match="too few leave"):
        Plan(users=FEWEST_USERS - 1)
    Plan(events=Path("log.json"), users=1)  # a log of one's own has its own listeners
