"""`churn publish`: every score record, in order, into Redis."""

from __future__ import annotations

import base64
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import redis
import structlog
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from churn import bundle, metrics, topics
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy
from churn.scores import Score, View, decode
from churn.settings import DAY_MS, Settings

log = structlog.get_logger()

QUANTILES = (0.5, 0.9, 0.99)
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0


def policy(settings: Settings, model: bundle.Bundle) -> AlertPolicy:
    """The thresholds of the settings, or where they are silent those of the model's card."""
    chosen, card = settings.policy, model.card["thresholds"]
    return AlertPolicy(
        medium=card["medium"] if chosen.medium is None else chosen.medium,
        high=card["high"] if chosen.high is None else chosen.high,
        exit_ratio=chosen.exit_ratio,
        cool_down_ms=round(chosen.cool_down_days * DAY_MS),
    )


def run(settings: Settings, stopping: threading.Event, wait_s: float = 0.0) -> None:
    """Publishes until `stopping` is set. While Redis is away it waits, and goes on where Redis says it was.

    Args:
        settings: of everything.
        stopping: ends it.
        wait_s: how long to wait for a first model, whose card has the thresholds.

    Raises:
        ChurnError: Kafka does not answer at the start, the model is not fit, or Redis
            holds a position that the topic does not have.
    """
    model = bundle.wait(settings.models, wait_s, stopping)
    topics.ensure(settings.kafka)
    metrics.serve(settings.publish.metrics_port, "publish.metrics_port")
    consumer = _consumer(settings)
    view = View.connect(settings.redis.url)
    latency = Latency()
    pause_s = _FIRST_RETRY_S
    try:
        while not stopping.is_set():
            try:
                view.prepare(policy(settings, model))
                resume(consumer, view, settings.kafka.scores_topic)
                log.info("publishing", model=model.version)
                pause_s = _FIRST_RETRY_S
                _publish(consumer, view, settings, latency, stopping)
            except redis.RedisError as error:
                log.warning("Redis does not take scores; waiting", error=str(error), retry_s=pause_s)
                stopping.wait(pause_s)
                pause_s = min(pause_s * 2, _LAST_RETRY_S)
    finally:
        consumer.close()


def _consumer(settings: Settings) -> KafkaConsumer:
    try:
        # No consumer group: the position is kept with the data, in Redis.
        return KafkaConsumer(
            bootstrap_servers=settings.kafka.bootstrap,
            bootstrap_timeout_ms=topics.BOOTSTRAP_TIMEOUT_MS,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=settings.publish.max_poll_records,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise topics.unreachable(settings.kafka, error) from None


def resume(consumer: KafkaConsumer, view: View, topic: str) -> None:
    """Sets the consumer to the positions that Redis holds.

    Raises:
        ChurnError: a position lies beyond the topic's end: the two do not belong together.
    """
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        position = view.position(topic, partition.partition)
        if position > ends[partition]:
            raise ChurnError(
                f"Redis has applied {topic} up to offset {position} of partition {partition.partition}, "
                f"but the topic ends at {ends[partition]}: they do not belong together.",
                "Empty that Redis database, or name another one in the setting redis.url.",
            )
        consumer.seek(partition, position)


def _publish(
    consumer: KafkaConsumer, view: View, settings: Settings, latency: Latency, stopping: threading.Event
) -> None:
    topic = settings.kafka.scores_topic
    while not stopping.is_set():
        polled: dict[TopicPartition, Sequence[Any]] = consumer.poll(timeout_ms=250)
        messages = [message for batch in polled.values() for message in batch if message.value is not None]
        records = list(_readable(messages, settings))
        if records:
            applied, passed = view.publish(topic, records, int(time.time() * 1000))
            latency.note([score for _, _, score in records], int(time.time() * 1000))
            metrics.PUBLISH_RECORDS.labels("applied").inc(applied)
            metrics.PUBLISH_RECORDS.labels("passed").inc(passed)
            for partition, offset, _ in records:
                metrics.PUBLISH_POSITION.labels(partition).set(offset + 1)


def _readable(messages: Iterable[Any], settings: Settings) -> Iterator[tuple[int, int, Score]]:
    """Decodes records; one that cannot be read is a dead letter and does not hold up its neighbours."""
    for message in messages:
        try:
            yield message.partition, message.offset, decode(message.value)
        except ChurnError as error:
            log.warning("a score cannot be read", partition=message.partition, offset=message.offset, error=str(error))
            metrics.PUBLISH_RECORDS.labels("unreadable").inc()
            _bury(message, settings)


def _bury(message: Any, settings: Settings) -> None:
    letter = {
        "reason": "unreadable-score",
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "received_ms": message.timestamp,
        "raw": base64.b64encode(message.value).decode(),
    }
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap, acks="all")
    producer.send(settings.kafka.dead_letters_topic, json.dumps(letter).encode()).get(timeout=30)
    producer.close()


class Latency:
    """From the broker's stamp on an event to its score being readable, over the last `kept` scores."""

    def __init__(self, kept: int = 100_000) -> None:
        self._recent: deque[int] = deque(maxlen=kept)
        for quantile in QUANTILES:
            metrics.PUBLISH_LATENCY_MS.labels(str(quantile)).set_function(self._reader(quantile))

    def note(self, scores: Sequence[Score], readable_ms: int) -> None:
        """Notes scores that became readable at `readable_ms`; openings have no stamp and are left out."""
        for score in scores:
            if score.received_ms is not None:
                took_ms = max(0, readable_ms - score.received_ms)
                self._recent.append(took_ms)
                metrics.PUBLISH_LATENCY_SECONDS.observe(took_ms / 1000)

    def quantile(self, share: float) -> float:
        """The exact quantile in ms (nearest rank); NaN before the first score."""
        ranked = sorted(self._recent)
        return float(ranked[max(0, math.ceil(share * len(ranked)) - 1)]) if ranked else float("nan")

    def _reader(self, quantile: float) -> Callable[[], float]:
        return lambda: self.quantile(quantile)
