"""From the scores topic into Redis: positions, a Redis that goes away, and figures."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer

from churn import bundle, topics
from churn.embedded import Valkey
from churn.errors import ChurnError
from churn.features import table_hash
from churn.outcomes import OUTCOMES, AlertPolicy
from churn.scores import Score
from churn.settings import DAY_MS, Kafka, Policy, Publish, Redis, Settings
from churn.view import View
from streaming import publish
from tests.conftest import Servers

CARD = {"version": "m1", "thresholds": {"medium": 0.2, "high": 0.4}}
MODEL = bundle.Bundle(Path("m1"), CARD)
SCORE = Score(
    user_id="7",
    epoch=1,
    version=1,
    as_of=1_541_000_000_000,
    last_event=1_541_000_000_000,
    events=1,
    opened=0,
    heartbeats=0,
    level="paid",
    status="active",
    p_cancel=0.1,
    p_lapse=0.05,
    risk=0.15,
    features={"songs_3d": 1.5},
    model_version="m1",
    received_ms=1_541_000_000_003,
)


@pytest.mark.parametrize(
    ("chosen", "medium", "high"),
    [
        (Policy(), 0.2, 0.4),
        (Policy(medium=0.1), 0.1, 0.4),
        (Policy(high=0.9), 0.2, 0.9),
        (Policy(medium=0.3, high=0.6), 0.3, 0.6),
    ],
)
def test_thresholds_come_from_the_settings_or_else_from_the_card(chosen: Policy, medium: float, high: float) -> None:
    held = publish.policy(Settings(policy=chosen), MODEL)
    assert held == AlertPolicy(medium=medium, high=high, exit_ratio=0.85, cool_down_ms=7 * DAY_MS)


def test_hysteresis_and_cool_down_come_from_the_settings() -> None:
    held = publish.policy(Settings(policy=Policy(exit_ratio=0.5, cool_down_days=0.25)), MODEL)
    assert (held.exit_ratio, held.cool_down_ms) == (0.5, DAY_MS // 4)


def send(kafka: Kafka, scores: list[Score]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for score in scores:
        producer.send(kafka.scores_topic, json.dumps(asdict(score)).encode(), key=score.user_id.encode())
    producer.close()


def settings_for(tmp_path: Path, kafka: Kafka, url: str) -> Settings:
    models = tmp_path / "models"
    if not models.exists():
        (models / "m1").mkdir(parents=True)
        table = {"hash": table_hash(), "table": bundle.feature_rows()}
        bundle.seal(models / "m1", {**CARD, "outcomes": list(OUTCOMES), "features": table})
        bundle.use(models, "m1")
    return Settings(
        models=models, kafka=kafka, redis=Redis(url=url), publish=Publish(max_poll_records=50, metrics_port=0)
    )


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    """A publisher in a thread; what ended it before its time is raised."""
    stopping, failures = threading.Event(), []

    def work() -> None:
        try:
            publish.run(settings, stopping)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


@pytest.mark.servers
def test_a_position_beyond_the_end_is_refused(kafka: Kafka, servers: Servers, redis_client: Any) -> None:
    send(kafka, [SCORE])
    view = View.connect(servers.redis_url)
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    publish.resume(consumer, view, kafka.scores_topic)  # nothing is held: from the start
    assert {consumer.position(partition) for partition in consumer.assignment()} == {0}
    redis_client.hset("churn:offsets", f"{kafka.scores_topic}:1", 5)
    with pytest.raises(ChurnError, match=r"up to offset 5 of partition 1, but the topic ends at [01]:"):
        publish.resume(consumer, view, kafka.scores_topic)
    consumer.close()


@pytest.mark.servers
def test_it_goes_on_where_redis_says(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    settings = settings_for(tmp_path, kafka, servers.redis_url)
    view = View.connect(servers.redis_url)
    scores = [replace(SCORE, user_id=str(user)) for user in range(30)]
    send(kafka, scores[:20])
    with publishing(settings):
        assert eventually(lambda: view.books().users == 20, 15)
    send(kafka, scores[20:])
    with publishing(settings):
        assert eventually(lambda: view.books().users == 30, 15)
    assert (view.books().scores, view.books().stale) == (30, 0)
    assert sum(view.position(kafka.scores_topic, number) for number in range(2)) == 30


@pytest.mark.servers
def test_an_unreadable_score_is_a_dead_letter_once_and_holds_nobody_up(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for value in (b"rubbish", json.dumps(asdict(SCORE)).encode(), b"more", None):
        producer.send(kafka.scores_topic, value, key=b"7", partition=0)
    producer.close()
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    with publishing(settings):
        assert eventually(lambda: view.position(kafka.scores_topic, 0) == 4, 15)
    assert view.books().scores == 1
    # The last ones were not applied, and yet a second publisher does not bury them again.
    send(kafka, [replace(SCORE, user_id="8")])
    with publishing(settings):
        assert eventually(lambda: view.books().users == 2, 15)
    consumer = KafkaConsumer(
        kafka.dead_letters_topic,
        bootstrap_servers=kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=2000,
    )
    letters = [json.loads(message.value) for message in consumer]
    consumer.close()
    assert sorted((letter["reason"], letter["offset"], letter["raw"]) for letter in letters) == [
        ("unreadable-score", 0, "cnViYmlzaA=="),
        ("unreadable-score", 2, "bW9yZQ=="),
    ]


@pytest.mark.servers
def test_a_partition_that_is_added_later_is_published_too(
    kafka: Kafka,
    servers: Servers,
    redis_client: Any,
    tmp_path: Path,
    eventually: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publish, "METADATA_AGE_MS", 300)
    view = View.connect(servers.redis_url)
    with publishing(settings_for(tmp_path, kafka, servers.redis_url)):
        send(kafka, [SCORE])
        assert eventually(lambda: view.books().users == 1, 15)
        admin = topics.connect(kafka)
        admin.create_partitions({kafka.scores_topic: 3})
        admin.close()
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        producer.send(
            kafka.scores_topic, json.dumps(asdict(replace(SCORE, user_id="8"))).encode(), key=b"8", partition=2
        )
        producer.close()
        assert eventually(lambda: view.position(kafka.scores_topic, 2) == 1, 15)


@pytest.mark.servers
def test_a_redis_that_is_killed_and_comes_back_loses_nothing(
    kafka: Kafka, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    users, versions = 40, 30
    scores = [
        replace(
            SCORE,
            user_id=str(user),
            version=version,
            events=version,
            as_of=SCORE.as_of + version,
            risk=0.9 if version > versions / 3 else 0.1,
        )
        for version in range(1, versions + 1)
        for user in range(users)
    ]
    half = len(scores) // 2
    with Valkey(tmp_path) as valkey:
        view = View.connect(valkey.url)
        with publishing(settings_for(tmp_path, kafka, valkey.url)):
            send(kafka, scores[:half])
            assert eventually(lambda: view.books().scores >= 100, 15)
            assert valkey.child is not None
            valkey.child.kill()
            send(kafka, scores[half:])
            valkey.start()
            assert eventually(lambda: sum(view.position(kafka.scores_topic, n) for n in range(2)) == len(scores), 30)
        books = view.books()
        # Every record counted once: none lost, none applied a second time.
        assert (books.scores, books.stale, books.users) == (len(scores), 0, users)
        assert books.events_scored == len(scores)
        assert books.alerts == len(view.alerts(1000)) == users
        assert {found.score.version for found in view.users(view.user_ids()) if found} == {versions}
