from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from prometheus_client import REGISTRY

from churn import bundle, topics
from churn.embedded import Valkey
from churn.errors import ChurnError
from churn.features import NAMES
from churn.outcomes import OUTCOMES
from churn.scores import Score, View
from churn.settings import DAY_MS, Kafka, Policy, Publish, Redis, Settings
from streaming import publish
from tests.conftest import Servers

CARD = {"version": "v1", "outcomes": list(OUTCOMES), "labels": {}, "thresholds": {"medium": 0.2, "high": 0.5}}


def score(user: str, version: int, risk: float = 0.1, received_ms: int | None = 1) -> Score:
    return Score(
        user_id=user, epoch=1, version=version, as_of=1_538_352_000_000 + version, last_event=1_538_352_000_000,
        events=version, opened=0, heartbeats=0, level="free", status="active", p_cancel=risk, p_lapse=0.0, risk=risk,
        features=dict.fromkeys(NAMES, 0.0), model_version="v1", received_ms=received_ms,
    )  # fmt: skip


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "v1").mkdir(parents=True)
    table = {"hash": bundle.table_hash(), "table": bundle.feature_rows()}
    bundle.seal(tmp_path / "models" / "v1", {**CARD, "features": table})
    bundle.use(tmp_path / "models", "v1")
    return tmp_path / "models"


def test_thresholds_are_the_settings_or_the_cards(models: Path) -> None:
    model = bundle.load(models)
    of_card = publish.policy(Settings(), model)
    assert (of_card.medium, of_card.high, of_card.cool_down_ms) == (0.2, 0.5, 7 * DAY_MS)
    assert publish.policy(Settings(policy=Policy(high=0.9, cool_down_days=0.5)), model).high == 0.9


def test_quantiles_are_exact() -> None:
    latency = publish.Latency(kept=100)
    assert math.isnan(latency.quantile(0.5))
    latency.note([score("a", 1, received_ms=-at) for at in range(500)], readable_ms=0)
    assert [latency.quantile(share) for share in (0.01, 0.5, 0.99, 1.0)] == [400, 449, 498, 499]
    latency.note([score("a", 1, received_ms=None)], readable_ms=10_000)
    assert latency.quantile(1.0) == 499


@pytest.mark.servers
def test_a_lost_redis_connection_loses_nothing_and_rubbish_holds_nobody_up(
    servers: Servers, topic_prefix: str, models: Path, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    names = {name: topic_prefix + name for name in ("events_topic", "scores_topic", "dead_letters_topic")}
    kafka = Kafka(bootstrap=servers.bootstrap, **names)
    topics.ensure(kafka)
    producer = KafkaProducer(bootstrap_servers=servers.bootstrap)

    def send(value: bytes) -> None:
        producer.send(kafka.scores_topic, value, key=b"u", partition=0).get(timeout=10)

    valkey = Valkey(tmp_path).start()
    settings = Settings(kafka=kafka, redis=Redis(url=valkey.url), models=models, publish=Publish(metrics_port=0))
    stopping = threading.Event()
    thread = threading.Thread(target=publish.run, args=(settings, stopping))
    thread.start()
    try:
        view = View.connect(valkey.url)
        for version in range(1, 51):
            send(json.dumps(asdict(score("u", version, risk=0.9 if version > 40 else 0.1))).encode())
        assert eventually(lambda: view.position(kafka.scores_topic, 0) == 50, within_s=20)
        valkey.stop()
        send(b'{"risk": "NaN"}')
        for version in range(51, 101):
            send(json.dumps(asdict(score("u", version, risk=0.9))).encode())
        valkey.start()
        assert eventually(lambda: _position(view, kafka) == 101, within_s=30)
        assert view.books().events_scored == 100
        assert view.books().alerts == len(view.alerts(10)) == 1
    finally:
        stopping.set()
        thread.join()
        valkey.stop()
        producer.close()
    letters = KafkaConsumer(
        kafka.dead_letters_topic,
        bootstrap_servers=servers.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=5000,
    )
    letter = json.loads(next(letters).value)
    letters.close()
    assert (letter["reason"], letter["offset"]) == ("unreadable-score", 50)
    assert REGISTRY.get_sample_value("churn_publish_records_total", {"kind": "unreadable"}) == 1


def _position(view: View, kafka: Kafka) -> int:
    try:
        return view.position(kafka.scores_topic, 0)
    except Exception:  # the server is on its way back
        return -1


@pytest.mark.servers
def test_a_view_that_is_ahead_of_its_topic_is_refused(
    servers: Servers, topic_prefix: str, redis_client: Any, models: Path
) -> None:
    names = {name: topic_prefix + name for name in ("events_topic", "scores_topic", "dead_letters_topic")}
    kafka = Kafka(bootstrap=servers.bootstrap, **names)
    topics.ensure(kafka)
    redis_client.hset("churn:offsets", f"{kafka.scores_topic}:1", 5)
    settings = Settings(kafka=kafka, redis=Redis(url=servers.redis_url), models=models, publish=Publish(metrics_port=0))
    with pytest.raises(ChurnError, match="they do not belong together"):
        publish.run(settings, threading.Event())
