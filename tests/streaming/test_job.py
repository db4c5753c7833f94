"""The stream's ends: a query that fails, events that are gone, a JVM that is gone."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from kafka import KafkaProducer, TopicPartition
from py4j.protocol import Py4JNetworkError
from pyspark.sql.streaming.query import StreamingQuery

from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka, Mode, Settings, Stream
from streaming import job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.mark.parametrize("told", ["Job aborted.\n\nDriver stacktrace:\n  at x", "Job aborted;\nand more"])
def test_a_query_that_failed_is_one_sentence_and_may_be_started_again(told: str) -> None:
    query = SimpleNamespace(name="scores", exception=lambda: RuntimeError(told))
    assert str(job.failed(cast(StreamingQuery, query))) == (
        "The query scores failed: Job aborted. Start it again: it goes on where it was."
    )


def records(spark: SparkSession, settings: Settings) -> DataFrame:
    """What the scoring query writes, without the scores: a key and a value."""
    from streaming.source import read_records  # noqa: PLC0415 (brings pyspark)

    return read_records(spark, settings).selectExpr("cast('7' as binary) as key", "value")


@pytest.mark.servers
@pytest.mark.spark
@pytest.mark.parametrize(("mode", "loss"), [("realtime", "aged out"), ("microbatch", "topic made anew")])
def test_events_that_are_gone_are_told_and_not_passed_over(
    spark: SparkSession, kafka: Kafka, tmp_path: Path, mode: Mode, loss: str
) -> None:
    settings = Settings(kafka=kafka, stream=Stream(mode="microbatch", checkpoint=tmp_path))
    _send(kafka, 5)
    query = job.write_scores(records(spark, settings), settings)
    query.processAllAvailable()
    query.stop()
    _lose(kafka, loss)
    later = settings.model_copy(update={"stream": settings.stream.model_copy(update={"mode": mode})})
    query = job.write_scores(records(spark, later), later)
    deadline_s = time.monotonic() + 60
    while query.isActive and time.monotonic() < deadline_s:
        time.sleep(0.1)
    told = str(job.failed(query))
    assert "no longer holds all events that the query scores had still to read" in told
    assert "stream.checkpoint" in told
    assert "kafka.events_topic" in told
    assert "Start it again" not in told


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


@pytest.mark.parametrize("error", [Py4JNetworkError("Answer from Java side is empty"), ConnectionRefusedError()])
def test_when_the_jvm_is_gone_its_silence_does_not_hide_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(job.bundle, "load", lambda _: SimpleNamespace(version="m1"))
    monkeypatch.setattr(job.metrics, "serve", lambda *_: None)
    monkeypatch.setattr(job.topics, "ensure", lambda _: None)
    monkeypatch.setattr(job, "slots", lambda _: 1)
    monkeypatch.setattr(job.session, "start", lambda *_, **__: Gone(error))
    monkeypatch.setattr(job, "start", lambda *_: [Gone(error)])
    monkeypatch.setattr(job, "WATCH_S", 0.0)
    settings = Settings(var=tmp_path, stream=Stream(checkpoint=tmp_path / "checkpoint"))
    with pytest.raises(ChurnError, match=r"^The JVM is gone .* Start it again"):
        job.run(settings, threading.Event())
