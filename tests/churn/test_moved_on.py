"""What is moved on equals what the definitions say of the later moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.features import FEATURES, NAMES
from churn.moved_on import moved_on
from churn.settings import DAY_MS
from tests.oracle import expect

START_MS = 1_538_352_000_000
PAGES = sorted({page for feature in FEATURES for page in feature.pages} | {"NextSong"})
REGISTERED_MS = START_MS - 3 * DAY_MS


def event(at_ms: int, page: str, item: int, level: str, registration: int | None = REGISTERED_MS) -> dict[str, Any]:
    return {
        "userId": "7", "sessionId": 1, "itemInSession": item, "ts": START_MS + at_ms, "page": page, "level": level,
        "registration": registration,
    }  # fmt: skip


EVENTS = st.lists(
    st.builds(
        event, st.integers(0, 40 * DAY_MS), st.sampled_from(PAGES), st.integers(0, 3), st.sampled_from(["free", "paid"])
    ),
    min_size=1,
    max_size=30,
)


def moved(values: dict[str, float], since_ms: int, heard: bool = True) -> dict[str, float]:
    rows = np.array([[values[name] for name in NAMES]])
    [found] = moved_on(rows, np.array([since_ms]), np.array([heard]))
    return dict(zip(NAMES, found.tolist(), strict=True))


@given(EVENTS, st.integers(0, 60 * DAY_MS))
def test_as_a_heartbeat_would_have_found_it(events: list[dict[str, Any]], since_ms: int) -> None:
    now = expect(events)["7"]
    later = expect(events, as_of_ms=now.as_of + since_ms)["7"]
    assert moved(now.features, since_ms) == pytest.approx(later.features, rel=1e-9, abs=1e-9)


@given(EVENTS, st.integers(0, 30 * DAY_MS), st.integers(0, 30 * DAY_MS))
def test_in_two_steps_as_in_one(events: list[dict[str, Any]], first_ms: int, second_ms: int) -> None:
    now = expect(events)["7"].features
    assert moved(moved(now, first_ms), second_ms) == pytest.approx(moved(now, first_ms + second_ms), rel=1e-9, abs=1e-9)


def test_without_a_registration_the_tenure_stays_unknown() -> None:
    events = [event(0, "NextSong", 0, "free", registration=None)]
    later = expect(events, as_of_ms=START_MS + 2 * DAY_MS)["7"]
    assert later.features["tenure_days"] == 0
    assert moved(expect(events)["7"].features, 2 * DAY_MS) == pytest.approx(later.features)


def test_without_an_event_there_is_no_silence() -> None:
    """Only the outcome's own page is known of this user."""
    events = [event(0, "Cancel", 0, "free")]
    now, later = expect(events)["7"], expect(events, as_of_ms=START_MS + 2 * DAY_MS)["7"]
    assert later.last_event is None
    assert moved(now.features, 2 * DAY_MS, heard=False) == pytest.approx(later.features)


def test_each_by_its_own_time() -> None:
    rows = np.ones((2, len(NAMES)))
    found = moved_on(rows, np.array([0, 3 * DAY_MS]), np.array([True, True]))
    assert found[0] == pytest.approx(rows[0])
    assert found[1, NAMES.index("adverts_3d")] == pytest.approx(0.5)
    assert found[1, NAMES.index("silence_minutes")] == pytest.approx(1 + 3 * 1440)
    assert found[1, NAMES.index("paid")] == 1
