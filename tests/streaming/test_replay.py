"""A log sent to a real broker."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka
from streaming import replay as job
from streaming.pace import Pace
from streaming.replay import HOUR_MS, Sent
from tests.topic import everything

START_MS = 1_538_352_000_000


def event(number: int, user: str) -> bytes:
    return json.dumps({"ts": START_MS + number * HOUR_MS // 10, "userId": user, "itemInSession": number}).encode()


def replay(
    kafka: Kafka, lines: Iterable[bytes], after_ms: int | None = None, stopping: threading.Event | None = None
) -> Sent:
    sent = Sent()
    job.replay(lines, kafka, Pace(None, time.time), sent, stopping or threading.Event(), after_ms)
    return sent


def arrived(kafka: Kafka) -> list[tuple[bytes | None, bytes, int]]:
    """Key, value and partition of everything on the events topic, by partition and offset."""
    found = everything(kafka, kafka.events_topic)
    return [(message.key, message.value, message.partition) for message in found]


@pytest.mark.servers
def test_every_line_arrives_once_under_its_user(kafka: Kafka) -> None:
    lines = [event(number, str(number % 23) if number % 5 else "") for number in range(2000)]
    sent = replay(kafka, lines)
    found = arrived(kafka)
    assert Counter(value for _, value, _ in found) == Counter(lines)
    assert all((key or b"").decode() == json.loads(value)["userId"] for key, value, _ in found)
    assert sent == Sent(events=2000, with_user=1600, ts=json.loads(lines[-1])["ts"])
    homes = {(key, partition) for key, _, partition in found if key}
    assert len(homes) == 23, "a user's events are on one partition, so that they stay in order"
    for user in (b"1", b"22"):
        items = [json.loads(value)["itemInSession"] for key, value, _ in found if key == user]
        assert items == sorted(items)


@pytest.mark.servers
def test_what_is_no_event_is_sent_as_it_is(kafka: Kafka) -> None:
    garbage = [b"garbage", b'{"userId": "7"}', b"\xff\xfe"]
    sent = replay(kafka, [event(0, "7"), *garbage, event(1, "7")])
    assert (sent.events, sent.with_user) == (5, 2)
    assert {value for key, value, _ in arrived(kafka) if key is None} == set(garbage)


@pytest.mark.servers
def test_a_name_that_is_half_a_character_is_sent_under_a_question_mark(kafka: Kafka) -> None:
    line = b'{"ts": %d, "userId": "\\ud800", "itemInSession": 0}' % START_MS
    assert replay(kafka, [line]) == Sent(events=1, with_user=1, ts=START_MS)
    assert [(key, value) for key, value, _ in arrived(kafka)] == [(b"?", line)]


@pytest.mark.servers
def test_a_line_without_a_time_that_can_be_is_neither_left_out_nor_waited_for(kafka: Kafka) -> None:
    strange = [event(-START_MS // HOUR_MS * 10, "7"), event(10**20, "7"), b"garbage", event(10**15, "7")]
    waited: list[float] = []
    sent, pace = Sent(), Pace(3600.0, lambda: 0.0)
    lines = [*strange[:2], event(0, "7"), *strange[2:], event(1, "7")]
    job.replay(lines, kafka, pace, sent, threading.Event(), after_ms=START_MS - 1, wait=waited.append)
    assert waited == pytest.approx([0.1])
    assert (sent.events, sent.with_user, sent.ts) == (6, 2, START_MS + HOUR_MS // 10)
    assert {value for key, value, _ in arrived(kafka) if key is None} == set(strange)


@pytest.mark.servers
def test_what_comes_up_to_the_cut_is_left_out(kafka: Kafka) -> None:
    lines = [event(number, "7") for number in range(10)]
    sent = replay(kafka, lines, after_ms=START_MS + 4 * HOUR_MS // 10)
    assert [value for _, value, _ in arrived(kafka)] == lines[5:]
    assert sent.events == 5


@pytest.mark.servers
def test_it_stops_early_and_has_told_the_truth(kafka: Kafka) -> None:
    stopping = threading.Event()

    def lines() -> Iterator[bytes]:
        for number in range(1000):
            if number == 100:
                stopping.set()
            yield event(number, "7")

    sent = replay(kafka, lines(), stopping=stopping)
    assert sent.events == 100
    assert len(arrived(kafka)) == 100


@pytest.mark.servers
def test_it_waits_as_the_pace_says(kafka: Kafka) -> None:
    now_s = 1000.0
    waited: list[float] = []

    def wait(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        waited.append(seconds)

    sent = Sent()
    pace = Pace(360.0, lambda: now_s)
    job.replay([event(number, "7") for number in range(4)], kafka, pace, sent, threading.Event(), wait=wait)
    assert waited == pytest.approx([1.0, 1.0, 1.0])
    assert len(arrived(kafka)) == 4


@pytest.mark.servers
def test_a_line_that_kafka_does_not_take_is_left_out_and_counted(kafka: Kafka) -> None:
    largest = b"x" * job.LARGEST_BYTES
    sent = replay(kafka, [event(0, "7"), largest, largest + b"x", event(1, "7")])
    assert (sent.events, sent.with_user, sent.too_large) == (3, 2, 1)
    assert len(arrived(kafka)) == 3


@pytest.mark.servers
def test_an_event_that_the_broker_refuses_is_told(kafka: Kafka) -> None:
    narrow = kafka.model_copy(update={"events_topic": f"{kafka.events_topic}.narrow"})
    admin = topics.connect(kafka)
    size = {"max.message.bytes": "1000"}
    admin.create_topics({narrow.events_topic: {"num_partitions": 1, "replication_factor": 1, "configs": size}})
    admin.close()
    with pytest.raises(ChurnError, match="Kafka did not acknowledge an event"):
        replay(narrow, [event(0, "7"), random.Random(1).randbytes(4000)])  # no compression makes it fit


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:1", "127.0.0.1:port"])
def test_no_broker_is_told_soon(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "BOOTSTRAP_TIMEOUT_MS", 200)
    began_s = time.monotonic()
    with pytest.raises(ChurnError, match=f"Kafka does not answer at {bootstrap} "):
        replay(Kafka(bootstrap=bootstrap), [event(0, "7")])
    assert time.monotonic() - began_s < 2


def test_a_program_looks_for_its_broker_for_seconds_not_minutes() -> None:
    assert topics.BOOTSTRAP_TIMEOUT_MS <= 10_000
