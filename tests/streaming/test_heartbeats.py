"""Who is due gets one heartbeat, at a set rate, and a restart adds none: on a real Valkey and a real Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn import events
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.settings import DAY_MS, Heartbeat, Kafka, Redis, Settings, Stream
from churn.view import View
from streaming.heartbeats import EVERY_S, SETTLED_S, Heartbeats
from tests.conftest import Servers
from tests.streaming.test_publish import SCORE
from tests.topic import everything

HOUR_MS = 3_600_000
POLICY = AlertPolicy(0.3, 0.5, 0.85, 0, 1000 * DAY_MS, 0)

pytestmark = pytest.mark.servers


@pytest.fixture
def view(servers: Servers, redis_client: Any) -> View:
    found = View.connect(servers.redis_url)
    found.prepare(POLICY, 14, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    return found


@pytest.fixture
def settings(servers: Servers, kafka: Kafka) -> Settings:
    return Settings(kafka=kafka, redis=Redis(url=servers.redis_url), heartbeat=Heartbeat(per_second=8))


class Publishing:
    """Stands for the stream: what was sent comes back as a score."""

    def __init__(self, view: View, kafka: Kafka) -> None:
        self.view, self.kafka, self.offset = view, kafka, 0
        self.versions: dict[str, int] = {}

    def score(self, user_id: str, as_of: int, **changes: Any) -> Score:
        self.versions[user_id] = self.versions.get(user_id, 0) + 1
        return replace(SCORE, user_id=user_id, version=self.versions[user_id], as_of=as_of, **changes)

    def publish(self, *scores: Score) -> None:
        records = [(0, self.offset + place, score) for place, score in enumerate(scores)]
        self.view.publish("scores", records, 0, {0: (self.offset, self.offset + len(scores))})
        self.offset += len(scores)


def sent(kafka: Kafka) -> list[tuple[str, int]]:
    """Every heartbeat on the topic: whose, and of when."""
    records = [json.loads(message.value) for message in everything(kafka, kafka.events_topic)]
    assert records == [events.heartbeat(record["userId"], record["ts"]) for record in records]
    return [(record["userId"], record["ts"]) for record in records]


def beats(heartbeats: Heartbeats, seconds: float, from_s: float = 0.0) -> Iterator[int]:
    """What is sent at each look."""
    for look in range(round(seconds / EVERY_S) + 1):
        yield heartbeats.beat(from_s + look * EVERY_S)


def settled(heartbeats: Heartbeats) -> float:
    """Lets it see for long enough that the event clock stands still; returns when."""
    assert sum(beats(heartbeats, SETTLED_S - EVERY_S)) == 0
    return SETTLED_S


T0 = SCORE.as_of


def test_the_silent_get_one_each_an_interval_at_a_set_rate(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    silent = [f"silent{number}" for number in range(20)]
    stream.publish(
        *(stream.score(user, T0 + number) for number, user in enumerate(silent)), stream.score("loud", T0 + DAY_MS - 1)
    )
    heartbeats = Heartbeats(view, settings)
    at_s = settled(heartbeats)
    assert sum(beats(heartbeats, 3, at_s)) == 0, "nobody is due before a day has passed"
    stream.publish(stream.score("loud", T0 + DAY_MS + 9))
    looks = list(beats(heartbeats, 3, at_s + 3))
    assert sum(looks) == 10, "as many as are due, and who was sent one waits for the score"
    assert max(looks) <= 8 * EVERY_S
    heartbeats.close()
    assert sorted(sent(kafka)) == [(user, T0 + number + DAY_MS) for number, user in enumerate(silent[:10])]
    stream.publish(*(stream.score(user, T0 + number + DAY_MS, heartbeats=1) for number, user in enumerate(silent[:10])))
    assert sum(beats(heartbeats, 3, at_s + 6)) == 0


def test_after_a_restart_the_same_heartbeat_is_the_same_event(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(stream.score("silent", T0), stream.score("loud", T0 + 2 * DAY_MS + HOUR_MS))
    for _ in range(2):
        heartbeats = Heartbeats(view, settings)
        assert sum(beats(heartbeats, 3, settled(heartbeats))) == 1
        heartbeats.close()
    assert sent(kafka) == [("silent", T0 + 2 * DAY_MS)] * 2, "of the newest interval, which is not late"


def test_who_lapsed_is_asked_rarely_and_who_cancelled_never(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(stream.score("lapsed", T0, status="lapsed"), stream.score("gone", T0, status="cancelled"))
    heartbeats, at_s = Heartbeats(view, settings), 0.0
    for days, expected in ((6.9, 0), (7.5, 1), (30, 1)):
        stream.publish(stream.score("loud", T0 + round(days * DAY_MS)))
        at_s += SETTLED_S + 1
        list(beats(heartbeats, SETTLED_S, at_s))
        heartbeats._producer and heartbeats._producer.flush()
        assert len({user for user, _ in sent(kafka)}) == expected
    heartbeats.close()
    assert {user for user, _ in sent(kafka)} == {"lapsed"}
    assert sent(kafka)[0] == ("lapsed", T0 + 7 * DAY_MS)


def test_while_the_platform_is_silent_nobody_is_due(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(*(stream.score(str(number), T0 + number) for number in range(20)))
    heartbeats = Heartbeats(view, settings)
    assert sum(beats(heartbeats, 3600)) == 0
    heartbeats.close()


def test_while_the_event_clock_races_none_is_sent(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(stream.score("silent", T0))
    heartbeats = Heartbeats(view, settings)
    for look in range(100):
        stream.publish(stream.score("loud", T0 + look * HOUR_MS))  # four days in 24 s: late for a window of three
        assert heartbeats.beat(look * EVERY_S) == 0
    assert sum(beats(heartbeats, SETTLED_S + 1, 100 * EVERY_S)) == 1
    heartbeats.close()


def test_openings_are_spread_over_an_interval(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(*(stream.score(str(number), T0, received_ms=None) for number in range(200)))
    due = [since for _, since in view.due(T0 + 2 * DAY_MS, 1000)]
    assert len(due) == 200
    assert T0 <= min(due) <= max(due) < T0 + DAY_MS
    quarters = [sum((since - T0) * 4 // DAY_MS == quarter for since in due) for quarter in range(4)]
    assert min(quarters) > 30


def test_none_is_sent_where_the_rate_is_zero(view: View, settings: Settings, kafka: Kafka) -> None:
    stream = Publishing(view, kafka)
    stream.publish(stream.score("silent", T0), stream.score("loud", T0 + 2 * DAY_MS))
    off = settings.model_copy(update={"heartbeat": Heartbeat(per_second=0)})
    assert sum(beats(Heartbeats(view, off), 60)) == 0


def test_a_heartbeat_that_would_be_late_is_refused(view: View, settings: Settings, tmp_path: Path) -> None:
    short = settings.model_copy(update={"stream": Stream(dedupe_window_days=1)})
    with pytest.raises(ChurnError, match=r"interval_days is not shorter than stream\.dedupe_window_days"):
        Heartbeats(view, short)


def test_without_a_broker_publish_is_not_ended(
    view: View, settings: Settings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn.topics.BOOTSTRAP_TIMEOUT_MS", 200)
    stream = Publishing(view, kafka)
    stream.publish(stream.score("silent", T0), stream.score("loud", T0 + 2 * DAY_MS))
    away = settings.model_copy(update={"kafka": kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})})
    heartbeats = Heartbeats(view, away)
    assert sum(beats(heartbeats, 1, settled(heartbeats))) == 0
    heartbeats._kafka = kafka  # the broker is back
    assert sum(beats(heartbeats, 1, SETTLED_S + 2)) == 1
    heartbeats.close()
