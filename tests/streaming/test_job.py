"""The stream's ends: a query that fails, events that are gone, a JVM that is gone."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer, TopicPartition
from py4j.protocol import Py4JError, Py4JNetworkError

from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka, Settings, Stream
from streaming import job, queries
from streaming.modes import Running
from streaming.newest_epoch import newest_epoch
from streaming.restarts import Restarts
from tests.streaming.test_publish import SCORE, send

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def records(spark: SparkSession, settings: Settings, mode: Running) -> DataFrame:
    """What the scoring query writes, without the scores: a key and a value."""
    from streaming.source import read_records  # noqa: PLC0415 (brings pyspark)

    return read_records(spark, settings, mode).selectExpr("cast('7' as binary) as key", "value")


@pytest.mark.servers
@pytest.mark.spark
@pytest.mark.parametrize(("mode", "loss"), [("realtime", "aged out"), ("microbatch", "topic made anew")])
def test_events_that_are_gone_are_told_and_not_passed_over(
    spark: SparkSession, kafka: Kafka, tmp_path: Path, mode: Running, loss: str
) -> None:
    settings = Settings(kafka=kafka, stream=Stream(checkpoint=tmp_path))
    _send(kafka, 5)
    query = queries.write_scores(records(spark, settings, "microbatch"), settings, "microbatch")
    query.processAllAvailable()
    query.stop()
    _lose(kafka, loss)
    query = queries.write_scores(records(spark, settings, mode), settings, mode)
    deadline_s = time.monotonic() + 60
    while query.isActive and time.monotonic() < deadline_s:
        time.sleep(0.1)
    with pytest.raises(ChurnError) as caught:
        Restarts("scores").after(str(query.exception()), -1)
    told = str(caught.value)
    assert "no longer holds all events that the query scores had still to read" in told
    assert "stream.checkpoint" in told
    assert "kafka.events_topic" in told
    assert "Start it again" not in told


@pytest.mark.servers
@pytest.mark.spark
@pytest.mark.parametrize("log", ["offsets", "commits"])
def test_a_checkpoint_file_that_was_cut_short_is_named(
    spark: SparkSession, kafka: Kafka, tmp_path: Path, log: str
) -> None:
    settings = Settings(kafka=kafka, stream=Stream(checkpoint=tmp_path))
    for _ in range(2):
        _send(kafka, 5)
        query = queries.write_scores(records(spark, settings, "microbatch"), settings, "microbatch")
        query.processAllAvailable()
        query.stop()
    (tmp_path / "scores" / log / "1").write_bytes(b"")
    query = queries.write_scores(records(spark, settings, "microbatch"), settings, "microbatch")
    deadline_s = time.monotonic() + 60
    while query.isActive and time.monotonic() < deadline_s:
        time.sleep(0.1)
    named = rf"checkpoint of the query scores is damaged: .*scores/{log}/1.* Start a new epoch"
    with pytest.raises(ChurnError, match=named):
        Restarts("scores").after(str(query.exception()), -1)


def _lose(kafka: Kafka, loss: str) -> None:
    admin = topics.connect(kafka)
    if loss == "aged out":
        _send(kafka, 5)
        admin.delete_records({TopicPartition(kafka.events_topic, 1): 8})
    else:
        admin.delete_topics([kafka.events_topic])
        while kafka.events_topic in admin.list_topics():
            time.sleep(0.05)
        topics.ensure(kafka)
        _send(kafka, 2)
    admin.close()


def _send(kafka: Kafka, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for _ in range(count):
        producer.send(kafka.events_topic, b"{}", key=b"7", partition=1)
    producer.close()


class Gone:
    """A session, or a query, whose JVM has been killed."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Py4JNetworkError("Answer from Java side is empty"), "^The JVM is gone .* Start it again"),
        (ConnectionRefusedError(), "^The JVM is gone .* Start it again"),
        (Py4JError("java.io.IOException: No space left on device"), r"^The disk of stream\.checkpoint .* Make room"),
    ],
)
def test_when_the_jvm_is_gone_or_cannot_begin_its_silence_does_not_hide_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    monkeypatch.setattr(job.bundle, "load", lambda _: SimpleNamespace(version="m1"))
    monkeypatch.setattr(job.metrics, "serve", lambda *_: None)
    monkeypatch.setattr(job.topics, "ensure", lambda _: None)
    monkeypatch.setattr(job, "newest_epoch", lambda _: 0)
    monkeypatch.setattr(job.queries, "slots", lambda _: 1)
    monkeypatch.setattr(job.session, "start", lambda *_, **__: Gone(error))
    monkeypatch.setattr(job, "Lag", lambda *_: SimpleNamespace(look=lambda *_: 0, close=lambda: None))
    settings = Settings(var=tmp_path, stream=Stream(checkpoint=tmp_path / "checkpoint"))
    with pytest.raises(ChurnError, match=told):
        job.run(settings, threading.Event())


@pytest.mark.servers
def test_a_new_epoch_is_larger_than_any_that_a_score_tells_of(kafka: Kafka) -> None:
    settings = Settings(kafka=kafka)
    assert newest_epoch(settings) == 0
    send(kafka, [replace(SCORE, user_id=str(user), epoch=1000 + user % 7) for user in range(40)])
    assert newest_epoch(settings) in range(1000, 1007)
    send(kafka, [replace(SCORE, user_id=str(user), epoch=5000) for user in range(40)])
    assert newest_epoch(settings) == 5000
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    producer.send(kafka.scores_topic, b"rubbish", partition=0)
    producer.close()
    assert newest_epoch(settings) == 5000
