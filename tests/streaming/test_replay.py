from __future__ import annotations

import threading
import time

import pytest
from kafka import KafkaConsumer, TopicPartition

from churn import topics
from churn.embedded import free_port
from churn.errors import ChurnError
from churn.events import encode
from churn.settings import DAY_MS, Kafka
from churn.simulator import Simulation
from streaming.pace import Pace
from streaming.replay import Sent, replay
from tests.conftest import Servers

START_MS = 1_538_352_000_000
LINES = [encode(event) for event in Simulation(8, START_MS, START_MS + 3 * DAY_MS).events()]


@pytest.fixture
def kafka(servers: Servers, topic_prefix: str) -> Kafka:
    names = {name: topic_prefix + name for name in ("events_topic", "scores_topic", "dead_letters_topic")}
    made = Kafka(bootstrap=servers.bootstrap, **names)
    topics.ensure(made)
    return made


def arrived(kafka: Kafka) -> list[tuple[bytes | None, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    partitions = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
    consumer.assign(partitions)
    wanted, found = sum(consumer.end_offsets(partitions).values()), []
    while len(found) < wanted:
        found += [(m.key, m.value) for messages in consumer.poll(1000).values() for m in messages]
    consumer.close()
    return found


@pytest.mark.servers
def test_every_line_arrives_under_its_user_even_one_that_is_no_event(kafka: Kafka) -> None:
    sent = Sent()
    replay([*LINES, b"rubbish"], kafka, Pace(None, time.time), sent, threading.Event())
    found = arrived(kafka)
    assert sorted(value for _, value in found) == sorted([*LINES, b"rubbish"])
    assert all(b'"userId":"%b"' % (key or b"") in value for key, value in found if value != b"rubbish")
    with_user = sum(b'"userId":""' not in line for line in LINES)
    assert (sent.events, sent.with_user) == (len(LINES) + 1, with_user)


@pytest.mark.servers
def test_what_comes_before_the_cut_is_left_out(kafka: Kafka) -> None:
    cut_ms = START_MS + DAY_MS
    replay(LINES, kafka, Pace(None, time.time), Sent(), threading.Event(), after_ms=cut_ms)
    kept = [line for line in LINES if int(line.split(b'"ts":')[1].split(b",")[0]) > cut_ms]
    assert sorted(value for _, value in arrived(kafka)) == sorted(kept)


@pytest.mark.servers
def test_it_stops_when_it_is_told_to(kafka: Kafka) -> None:
    sent, stopping = Sent(), threading.Event()
    waits: list[float] = []

    def wait(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 3:
            stopping.set()

    replay(LINES, kafka, Pace(1e-6, lambda: 0.0), sent, stopping, wait=wait)
    assert 0 < sent.events == len(arrived(kafka)) < len(LINES)


def test_a_broker_that_is_not_there_is_one_sentence() -> None:
    kafka = Kafka(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(ChurnError, match="Kafka does not answer at"):
        replay(LINES, kafka, Pace(None, time.time), Sent(), threading.Event())
