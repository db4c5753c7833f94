"""What publish leaves for the console, on a real Valkey."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from structlog.testing import capture_logs

from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.pulse import KEY, Pulse, Pulses
from churn.settings import DAY_MS
from churn.spread import HOUR_MS, Spreads, hour_of
from churn.view import View
from streaming.latency import Latency
from streaming.signs import Signs
from tests.streaming.test_publish import SCORE

pytestmark = pytest.mark.servers

TOPIC = "churn.scores"
WALL_MS = 1_790_000_000_000
POLICY = AlertPolicy(0.3, 0.5, exit_ratio=0.85, cool_down_ms=7 * DAY_MS, outage_ms=1000 * DAY_MS, hold_ms=0)


@pytest.fixture
def view(own_view: View) -> View:
    own_view.redis.flushdb()
    own_view.prepare(POLICY, 14, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    return own_view


def score(view: View, version: int, as_of: int = SCORE.as_of) -> None:
    one = replace(SCORE, version=version, events=version, as_of=as_of)
    offset = view.position(TOPIC, 0)
    view.publish(TOPIC, [(0, offset, one)], WALL_MS, {0: (offset, offset + 1)})


def test_a_pulse_tells_what_came_since_the_one_before(view: View) -> None:
    latency = Latency()
    signs = Signs(view, TOPIC, latency)
    signs.give(WALL_MS)
    score(view, 1)
    score(view, 3)
    latency.note([replace(SCORE, received_ms=WALL_MS - took) for took in (5, 7, 9)], WALL_MS)
    signs.give(WALL_MS + 1000)
    signs.give(WALL_MS + 2000)
    assert Pulses(view.redis).recent() == [
        Pulse(WALL_MS, 0, 0),
        Pulse(WALL_MS + 1000, 3, 3, 7, 9, SCORE.as_of),
        Pulse(WALL_MS + 2000, 3, 0, None, None, SCORE.as_of),
    ]


def test_after_a_start_and_after_a_loss_no_event_is_made_up(view: View) -> None:
    score(view, 5)
    signs = Signs(view, TOPIC, Latency())
    signs.give(WALL_MS)
    view.redis.delete("churn:books:1")
    signs.give(WALL_MS + 1000)
    assert [pulse.events for pulse in Pulses(view.redis).recent()] == [0, 0]


def test_each_hour_that_the_event_clock_enters_is_remembered(view: View) -> None:
    signs, spreads, hour = Signs(view, TOPIC, Latency()), Spreads(view.redis), hour_of(SCORE.as_of)
    score(view, 1)
    signs.give(WALL_MS)
    assert spreads.newest_hour() is None, "the hour in which it begins"
    score(view, 2, hour + HOUR_MS)
    signs.give(WALL_MS)
    score(view, 3, hour + HOUR_MS + 60_000)
    signs.give(WALL_MS)
    assert (spreads.oldest_hour(), spreads.newest_hour()) == (hour + HOUR_MS, hour + HOUR_MS)
    score(view, 4, hour + 3 * HOUR_MS)
    Signs(view, TOPIC, Latency()).give(WALL_MS)
    assert spreads.newest_hour() == hour + 3 * HOUR_MS, "a start goes on behind the last one"


def test_while_a_rebuild_brings_users_nothing_is_remembered(view: View) -> None:
    signs, spreads, hour = Signs(view, TOPIC, Latency()), Spreads(view.redis), hour_of(SCORE.as_of)
    view.silence(TOPIC, {0: 3})
    view.silence("another", {0: 1000})
    score(view, 1)
    signs.give(WALL_MS)
    score(view, 2, hour + HOUR_MS)
    signs.give(WALL_MS)
    assert spreads.newest_hour() is None
    score(view, 3, hour + HOUR_MS + 1)
    signs.give(WALL_MS)
    assert spreads.newest_hour() == hour + HOUR_MS


def test_what_a_rebuild_brings_again_is_no_event_of_now(view: View) -> None:
    score(view, 1)
    signs = Signs(view, TOPIC, Latency())
    signs.give(WALL_MS)
    view.silence(TOPIC, {0: 3})
    for second, version in enumerate((50, 90, 95)):
        score(view, version)
        signs.give(WALL_MS + second * 1000)
    assert [pulse.events for pulse in Pulses(view.redis).recent()] == [0, 0, 0, 5]


def test_what_redis_refuses_is_said_once_and_holds_up_nothing(view: View) -> None:
    signs, spreads, hour = Signs(view, TOPIC, Latency()), Spreads(view.redis), hour_of(SCORE.as_of)
    score(view, 1)
    signs.give(WALL_MS)
    for _ in range(2):
        view.redis.set(KEY, "of another type")
        with capture_logs() as logs:
            signs.give(WALL_MS)
            score(view, view.books().events_scored + 1, hour + HOUR_MS)
            signs.give(WALL_MS)
        assert [entry["log_level"] for entry in logs] == ["warning"]
        assert spreads.newest_hour() == hour + HOUR_MS, "the one is done without the other"
        view.redis.delete(KEY)
        signs.give(WALL_MS)


@pytest.mark.parametrize("error", [ValueError("of another release"), redis.RedisError("odd")])
def test_whatever_is_wrong_here_holds_up_nothing(view: View, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    fail(monkeypatch, view, error)
    with capture_logs() as logs:
        Signs(view, TOPIC, Latency()).give(WALL_MS)
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert repr(error) in logs[0]["error"]


@pytest.mark.parametrize("error", [redis.ConnectionError(), redis.TimeoutError()])
def test_a_redis_that_is_away_is_waited_for(view: View, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    fail(monkeypatch, view, error)
    with pytest.raises(type(error)):
        Signs(view, TOPIC, Latency()).give(WALL_MS)


def fail(monkeypatch: pytest.MonkeyPatch, view: View, error: Exception) -> None:
    def clock() -> None:
        raise error

    monkeypatch.setattr(view, "clock", clock)
