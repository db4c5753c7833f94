"""The audit itself can fail: a system that is played right passes it, and each of three faults is caught."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from kafka import KafkaProducer

import churn.view
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.settings import DAY_MS, Kafka
from churn.simulator import Simulation
from churn.view import View
from churn.view_function import function_code
from tests.conftest import Servers
from tests.e2e.audit import Watcher, alerts_due, differences
from tests.e2e.conftest import Row, disturbed
from tests.oracle import expect

pytestmark = pytest.mark.servers

START_MS = 1_538_352_000_000
POLICY = AlertPolicy(0.3, 0.5, 0.9, DAY_MS, 2000 * DAY_MS, 0)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    found, doubles = disturbed(list(Simulation(15, START_MS, START_MS + 12 * DAY_MS, seed=2).events()), seed=3)
    assert doubles > 20
    return found


def played(rows: list[Row]) -> list[Score]:
    """Two scores of every user, as a stream would make them: after one event of a day fewer, and after all."""
    scores = []
    for share, risk in ((0.5, 0.1), (1.0, 0.7)):
        seen = [row for row in rows if row["ts"] <= START_MS + 12 * DAY_MS * share]
        for user_id, user in expect(seen).items():
            facts = {
                name: getattr(user, name) for name in ("as_of", "events", "last_event", "level", "status", "features")
            }
            chances = {"p_cancel": risk / 2, "p_lapse": risk / 2, "risk": risk}
            score = Score(
                user_id=user_id,
                epoch=1,
                version=user.events,
                opened=0,
                heartbeats=0,
                model_version="m1",
                **facts,
                **chances,
            )
            scores.append(score)
    return scores


@pytest.fixture
def audited(servers: Servers, kafka: Kafka, redis_client: Any) -> Callable[[list[Score], list[Row]], list[str]]:
    """Publishes scores that are in the topic, and audits the view against a log."""

    def audit(scores: list[Score], rows: list[Row]) -> list[str]:
        view = View.connect(servers.redis_url)
        view.prepare(POLICY, 14, HeartbeatPolicy(DAY_MS, DAY_MS))
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        for score in scores:
            producer.send(kafka.scores_topic, json.dumps(asdict(score)).encode(), key=score.user_id.encode())
        producer.close()
        records = [(0, offset, score) for offset, score in enumerate(scores)]
        view.publish(kafka.scores_topic, records, 0, {0: (0, len(scores))})
        return differences(view, kafka, rows)

    return audit


Audited = Callable[[list[Score], list[Row]], list[str]]


def test_what_is_right_passes(audited: Audited, rows: list[Row]) -> None:
    scores = played(rows)
    assert audited([*scores, *scores], rows) == [], "and a replay of all of it changes nothing"
    assert len(alerts_due(scores, POLICY)) > 5


def test_one_event_that_was_dropped_is_seen(audited: Audited, rows: list[Row]) -> None:
    of_user = next(row for row in rows if row["userId"] and row["page"] == "NextSong")
    lost = [row for row in rows if row is not of_user and row != of_user]
    found = audited(played(lost), rows)
    assert any(f"{of_user['userId']}: events is" in line for line in found)
    assert any("events in the books" in line for line in found)


def test_doubles_that_are_counted_are_seen(audited: Audited, rows: list[Row]) -> None:
    met: Counter[tuple[Any, ...]] = Counter()
    counted = []
    for row in rows:
        identity = (row["userId"], row["sessionId"], row["itemInSession"], row["ts"])
        counted.append({**row, "itemInSession": row["itemInSession"] + 10**6 * met[identity]})
        met[identity] += 1
    assert any("events is" in line for line in audited(played(counted), rows))


def test_a_version_guard_that_is_broken_is_seen(
    audited: Audited, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = "return score.version > old.version"
    code = function_code()
    assert guard in code
    monkeypatch.setattr(churn.view, "function_code", lambda: code.replace(guard, "return true"))
    scores = played(rows)
    assert audited([*scores, *scores[: len(scores) // 3]], rows) != []


def test_a_version_that_goes_back_is_seen(rows: list[Row]) -> None:
    scores = played(rows)
    watcher = Watcher()
    watcher.look({score.user_id: score for score in scores})
    watcher.look({score.user_id: score for score in scores})
    assert watcher.went_back == []
    watcher.look({scores[0].user_id: scores[0]})
    assert len(watcher.went_back) == 1


def test_an_alert_that_is_missing_or_too_many_is_seen(
    audited: Audited, rows: list[Row], servers: Servers, kafka: Kafka
) -> None:
    assert audited(played(rows), rows) == []
    view = View.connect(servers.redis_url)
    first, second = view.alerts(2)
    view.redis.zrem("churn:alerts", first.id)
    view.redis.hset(f"churn:alert:{second.id}", "version", 3)
    found = differences(view, kafka, rows)
    assert sum("is missing" in line for line in found) == 2
    assert sum("is not called for" in line for line in found) == 1
