"""The pulse on a real Valkey."""

from __future__ import annotations

import pytest

from churn.pulse import KEPT, KEY, Pulse, Pulses
from churn.view import View

pytestmark = pytest.mark.servers

WALL_MS = 1_790_000_000_000


@pytest.fixture
def view(own_view: View) -> View:
    own_view.redis.flushdb()
    return own_view


@pytest.fixture
def pulses(view: View) -> Pulses:
    return Pulses(view.redis)


def test_what_is_noted_is_read_back_oldest_first(pulses: Pulses) -> None:
    assert pulses.recent() == []
    noted = [
        Pulse(WALL_MS, 0, 0),
        Pulse(WALL_MS + 1000, 61, 61, 7.0, 29.0, 1_541_000_000_000),
        Pulse(WALL_MS + 2000, 61, 0, None, None, 1_541_000_000_000),
    ]
    for pulse in noted:
        pulses.note(pulse)
    assert pulses.recent() == noted
    assert pulses.recent(1) == noted[-1:]


def test_the_last_ten_minutes_are_kept(pulses: Pulses, view: View) -> None:
    for second in range(KEPT + 5):
        pulses.note(Pulse(WALL_MS + second * 1000, second, 1))
    assert view.redis.llen(KEY) == KEPT
    found = pulses.recent()
    assert (found[0].scored, found[-1].scored) == (5, KEPT + 4)
