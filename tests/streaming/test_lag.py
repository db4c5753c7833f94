"""How much is still to be read, on a real broker and a checkpoint as Spark writes it."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from churn import metrics
from churn.errors import ChurnError
from churn.settings import Kafka
from streaming import lag as module
from streaming.lag import Lag
from tests.streaming.test_checkpoint import batch


def send(kafka: Kafka, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for number in range(count):
        producer.send(kafka.events_topic, b"{}", partition=number % 2)
    producer.close()


def seconds() -> float | None:
    return metrics.STREAM.get_sample_value("churn_stream_lag_seconds")


@pytest.mark.servers
def test_the_lag_is_what_the_topic_holds_less_what_was_read(kafka: Kafka, tmp_path: Path) -> None:
    send(kafka, 100)
    lag = Lag(kafka, tmp_path)
    assert lag.look(0, 0) == 100
    assert seconds() == math.inf
    batch(tmp_path, 0, f'{{"{kafka.events_topic}":{{"0":20,"1":10}}}}')
    assert lag.look(0, 5) == 70
    assert seconds() == pytest.approx(70 * 5 / 30)
    assert lag.look(60, 8) == 10, "what the open batch has read counts"
    batch(tmp_path, 1, f'{{"{kafka.events_topic}":{{"0":50,"1":50}}}}')
    assert (lag.look(0, 9), seconds()) == (0, 0)
    send(kafka, 4)
    assert lag.look(0, 10) == 4
    lag.close()


@pytest.mark.servers
def test_while_the_broker_does_not_answer_the_lag_is_as_before_and_nobody_waits_long(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(kafka, 10)
    lag = Lag(kafka, tmp_path)
    assert lag.look(0, 0) == 10
    monkeypatch.setattr(module, "ANSWER_MS", 1)
    monkeypatch.setattr(lag._consumer._fetcher, "end_offsets", silent)
    monkeypatch.setattr(lag._consumer._fetcher, "beginning_offsets", silent)
    began_s = time.monotonic()
    assert lag.look(5, 1) == 10
    assert time.monotonic() - began_s < 1
    lag.close()


def silent(_partitions: object, timeout_ms: int) -> None:
    assert timeout_ms == 1
    raise KafkaTimeoutError


def test_without_a_broker_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn.topics.BOOTSTRAP_TIMEOUT_MS", 200)
    with pytest.raises(ChurnError, match="Kafka does not answer"):
        Lag(Kafka(bootstrap="127.0.0.1:1"), tmp_path)
