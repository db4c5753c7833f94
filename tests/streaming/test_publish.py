"""From the scores topic into Redis: positions, a Redis that goes away, and figures."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from structlog.testing import capture_logs

from churn import bundle, metrics, topics
from churn.embedded import Valkey
from churn.errors import ChurnError
from churn.features import table_hash
from churn.outcomes import OUTCOMES
from churn.pulse import Pulses
from churn.scores import Score
from churn.settings import DAY_MS, Kafka, Policy, Publish, Redis, Settings
from churn.view import View
from streaming import publish, publisher
from streaming.letter import FIELDS, RAW_BYTES
from streaming.thresholds import policy
from tests.conftest import Servers
from tests.streaming.test_dead_letters import letters

CARD = {"version": "m1", "thresholds": {"medium": 0.2, "high": 0.4}, "labels": {"horizon_days": 30}}
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
    features={"songs_paid_3d": 1.5},
    model_version="m1",
    received_ms=1_541_000_000_003,
)
NOBODY_DUE: Any = SimpleNamespace(beat=lambda _: 0)


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
    held = policy(chosen, MODEL)
    assert (held.medium, held.high) == (medium, high)
    assert (held.exit_ratio, held.cool_down_ms) == (0.85, 7 * DAY_MS)
    assert (held.outage_ms, held.hold_ms) == (DAY_MS // 4, DAY_MS)


@pytest.mark.parametrize("chosen", [Policy(high=0.1), Policy(medium=0.5), Policy(medium=0.6, high=0.5)])
def test_a_medium_band_above_the_high_one_is_refused_wherever_the_two_come_from(chosen: Policy) -> None:
    with pytest.raises(ChurnError, match=r"medium band begins at .* above the high band .* card of m1"):
        policy(chosen, MODEL)
    assert policy(Policy(medium=0.4), MODEL).medium == 0.4


def test_hysteresis_and_cool_down_come_from_the_settings() -> None:
    held = policy(Policy(exit_ratio=0.5, cool_down_days=0.25), MODEL)
    assert (held.exit_ratio, held.cool_down_ms) == (0.5, DAY_MS // 4)


def test_an_address_that_is_none_is_said_before_any_server_is_asked(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, Kafka(bootstrap="127.0.0.1:1"), "localhost:6379")
    with pytest.raises(ChurnError, match=r"redis\.url is not an address of Redis"):
        publish.run(settings, threading.Event())


def test_what_became_of_a_score_is_counted_and_only_what_became_readable_has_a_latency() -> None:
    def counted(name: str, **labels: str) -> float:
        return metrics.PUBLISH.get_sample_value(name, labels) or 0.0

    kinds = ("applied", "stale", "passed")
    before = [counted("churn_publish_records_total", kind=kind) for kind in kinds]
    noted = counted("churn_publish_latency_seconds_count")
    batches = [counted(f"churn_publish_batch_records_{what}") for what in ("count", "sum")]
    value = json.dumps(asdict(SCORE)).encode()
    messages = [SimpleNamespace(partition=0, offset=offset, value=value) for offset in range(4, 8)]
    read: list[Any] = []
    view: Any = SimpleNamespace(
        publish=lambda *args: [read.append(args[3]), ["passed", "stale", "stale", "applied"]][1], redis=None
    )
    thresholds: Any = SimpleNamespace(know=lambda *_: None, quiet_until=lambda _: None)
    working = publisher.Publisher(Settings(), view, None, thresholds, NOBODY_DUE)
    working.reached = {0: 4, 1: 9}
    working.apply({TopicPartition("scores", 0): messages})
    assert read == [{0: (4, 8)}]
    assert working.reached == {0: 8, 1: 9}
    after = [counted("churn_publish_records_total", kind=kind) for kind in kinds]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 2, 1]
    assert counted("churn_publish_latency_seconds_count") - noted == 1
    assert [counted(f"churn_publish_batch_records_{what}") for what in ("count", "sum")] == [
        batches[0] + 1,
        batches[1] + 4,
    ]


def send(kafka: Kafka, scores: list[Score]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for score in scores:
        producer.send(kafka.scores_topic, json.dumps(asdict(score)).encode(), key=score.user_id.encode())
    producer.close()


def seal(models: Path, version: str, **changes: Any) -> None:
    (models / version).mkdir(parents=True)
    table = {"hash": table_hash(), "table": bundle.feature_rows()}
    bundle.seal(
        models / version, {**CARD, "version": version, "outcomes": list(OUTCOMES), "features": table, **changes}
    )


def settings_for(tmp_path: Path, kafka: Kafka, url: str) -> Settings:
    models = tmp_path / "models"
    if not models.exists():
        seal(models, "m1")
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
    publisher.resume(consumer, view, kafka.scores_topic)  # nothing is held: from the start
    assert {consumer.position(partition) for partition in consumer.assignment()} == {0}
    redis_client.hset("churn:offsets", f"{kafka.scores_topic}:1", 5)
    with pytest.raises(ChurnError, match=r"up to offset 5 of partition 1, but the topic ends at [01]:"):
        publisher.resume(consumer, view, kafka.scores_topic)
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
    large = b"more" * 250_000
    for value in (b"rubbish", json.dumps(asdict(SCORE)).encode(), large, None):
        producer.send(kafka.scores_topic, value, key=b"7" if value else b"nobody", partition=0)
    producer.close()
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    with publishing(settings):
        assert eventually(lambda: view.position(kafka.scores_topic, 0) == 4, 15)
    assert view.books().scores == 1
    # The last ones were not applied, and yet a second publisher does not bury them again.
    send(kafka, [replace(SCORE, user_id="8")])
    with publishing(settings):
        assert eventually(lambda: view.books().users == 2, 15)
    found = letters(kafka)
    assert [(letter["reason"], letter["offset"], letter["bytes"]) for letter in found] == [
        ("unreadable-score", 0, 7),
        ("unreadable-score", 2, 1_000_000),
    ]
    assert [base64.b64decode(letter["raw"]) for letter in found] == [b"rubbish", large[:RAW_BYTES]]
    assert {tuple(letter) for letter in found} == {FIELDS}


@pytest.mark.servers
def test_a_partition_that_is_added_later_is_published_too(
    kafka: Kafka,
    servers: Servers,
    redis_client: Any,
    tmp_path: Path,
    eventually: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "METADATA_AGE_MS", 300)
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


RISES = [replace(SCORE, user_id=str(user), version=version, events=version, risk=risk, as_of=SCORE.as_of + version)
         for version, risk in ((1, 0.1), (2, 0.9), (3, 0.1)) for user in range(20)]  # fmt: skip


def keep(client: Any) -> Callable[[], None]:
    """Copies everything that Redis holds, and returns what puts it back, at once, as a restored backup does."""
    held = {key: client.dump(key) for key in client.keys("*")}

    def restore() -> None:
        pipe = client.pipeline()
        pipe.flushdb()
        for key, value in held.items():
            pipe.restore(key, 0, value)
        pipe.execute()

    return restore


@pytest.mark.servers
def test_a_redis_that_goes_back_in_time_is_brought_up_to_date(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    view, raw = View.connect(servers.redis_url), redis.Redis.from_url(servers.redis_url)
    with publishing(settings_for(tmp_path, kafka, servers.redis_url)), capture_logs() as logs:
        send(kafka, RISES[:10])
        assert eventually(lambda: view.books().scores == 10, 15)
        restore = keep(raw)
        send(kafka, RISES[10:50])
        assert eventually(lambda: view.books().scores == 50, 15)
        restore()
        assert view.books().scores == 10
        send(kafka, RISES[50:])
        assert eventually(lambda: view.books().scores == len(RISES), 15)
    books = view.books()
    assert (books.stale, books.users, books.events_scored, books.alerts) == (0, 20, len(RISES), 20)
    assert len(view.alerts(100)) == 20
    assert any(log["log_level"] == "warning" and "POSITION" in log.get("error", "") for log in logs)


@pytest.mark.servers
@pytest.mark.parametrize("loss", ["flushdb", "flushall", "functions too"])
def test_a_redis_that_lost_its_data_is_filled_again_with_the_next_score(
    kafka: Kafka,
    servers: Servers,
    redis_client: Any,
    tmp_path: Path,
    eventually: Callable[..., bool],
    loss: str,
) -> None:
    view = View.connect(servers.redis_url)
    with publishing(settings_for(tmp_path, kafka, servers.redis_url)):
        send(kafka, RISES[:40])
        assert eventually(lambda: view.books().scores == 40, 15)
        bands = view.band_sizes()
        assert len(view.alerts(100)) == 20
        if loss == "functions too":
            redis_client.function_flush()
        redis_client.flushdb() if loss == "flushdb" else redis_client.flushall()
        send(kafka, RISES[40:41])
        assert eventually(lambda: view.books().scores == 41, 15)
        # Everybody is where they were, but what was an alert once is none again.
        assert (sum(view.band_sizes().values()), view.books().users, view.alerts(100)) == (20, 20, [])
        assert view.band_sizes()["high"] == bands["high"] - 1
        send(kafka, [replace(RISES[40], version=4, risk=0.9)])
        assert eventually(lambda: len(view.alerts(9)) == 1, 15)
    assert view.horizon_days() == 30


@pytest.mark.servers
def test_a_swap_of_models_is_followed_and_each_score_judged_by_its_own(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    seal(settings.models, "m2", thresholds={"medium": 0.5, "high": 0.8}, labels={"horizon_days": 20})
    seal(settings.models, "m3", thresholds={"medium": 0.9, "high": 0.8})
    with publishing(settings), capture_logs() as logs:
        rises = [(1, 0.1, "m1"), (2, 0.3, "m2"), (3, 0.7, "m2"), (4, 0.7, "gone"), (5, 0.5, "m2"), (6, 0.9, "m2")]
        send(kafka, [replace(SCORE, version=v, risk=risk, model_version=model) for v, risk, model in rises])
        assert eventually(lambda: view.books().scores == len(rises), 15)
        assert [alert.version for alert in view.alerts(9)] == [6], "0.7 is below the high band of m2"
        bundle.use(settings.models, "m2")
        assert eventually(lambda: view.horizon_days() == 20, 15)
        bundle.use(settings.models, "m3")
        assert eventually(lambda: any(log.get("model") == "m3" for log in logs), 15)
        send(kafka, [replace(SCORE, user_id="8", version=v, risk=v * 0.2, model_version="m1") for v in (1, 2)])
        assert eventually(lambda: view.books().alerts == 2, 15), "of m1, whose high band begins at 0.4"
    assert view.horizon_days() == 20
    assert [log["scored_by"] for log in logs if "scored_by" in log] == ["gone"]


@pytest.mark.servers
def test_it_gives_a_sign_of_life_each_second_also_when_nothing_comes(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    pulses = Pulses(redis_client)
    with publishing(settings_for(tmp_path, kafka, servers.redis_url)):
        assert eventually(lambda: len(pulses.recent()) >= 2, 15)
        now_ms = int(time.time() * 1000)
        send(kafka, [replace(SCORE, user_id=str(user), received_ms=now_ms) for user in range(5)])
        assert eventually(lambda: pulses.recent()[-1].scored == 5, 15)
    found = pulses.recent()
    assert sum(pulse.events for pulse in found) == 5
    assert [pulse.events > 0 for pulse in found] == [pulse.p99_ms is not None for pulse in found]
    assert all(later.wall_ms - earlier.wall_ms > 900 for earlier, later in pairwise(found))
    assert found[-1].clock_ms == SCORE.as_of
