"""From the scores topic into the view, poll by poll."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import redis
import structlog
from kafka import KafkaConsumer, TopicPartition

from churn import metrics, topics
from churn.errors import ChurnError
from churn.forgotten import Forgotten
from churn.scores import Score
from churn.settings import Settings
from churn.view import Verdict, View
from streaming.heartbeats import Heartbeats
from streaming.latency import Latency
from streaming.polled import Polled
from streaming.signs import Signs
from streaming.thresholds import Thresholds
from streaming.unreadable import UnreadableScores

log = structlog.get_logger()

Record = tuple[int, int, Score]
"""Partition, offset and score."""

FOLLOW_S = 1.0
"""How often it looks for another model or policy, and for alerts whose quiet hours are over, and gives its signs."""


def connected(settings: Settings) -> KafkaConsumer:
    """A consumer of the scores topic.

    Raises:
        ChurnError: no broker answers.
    """
    return topics.consumer(
        settings.kafka,
        # An offset that is not there any more is told: a topic that was made anew must not be passed over.
        auto_offset_reset="none",
        max_poll_records=settings.publish.max_poll_records,
    )


def resume(consumer: KafkaConsumer, view: View, topic: str) -> dict[int, int]:
    """Sets the consumer to the positions that Redis holds, and returns them by partition.

    Raises:
        ChurnError: a position lies beyond the topic's end: the two do not belong together.
        KafkaError: the broker does not answer.
    """
    partitions = topics.known_partitions(consumer, topic)
    consumer.assign(partitions)
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    held: dict[int, int] = {}
    for partition in partitions:
        position = held[partition.partition] = view.position(topic, partition.partition)
        if position > ends[partition]:
            raise ChurnError(
                f"Redis has applied {topic} up to offset {position} of partition {partition.partition}, "
                f"but the topic ends at {ends[partition]}: they do not belong together.",
                "Empty that Redis database, or name another one in the setting redis.url.",
            )
        consumer.seek(partition, max(position, begins[partition]))
    return held


class Publisher:
    """One consumer's work.

    Args:
        settings: of everything.
        view: where the scores go.
        consumer: of the scores topic.
        thresholds: by which bands are decided.
        heartbeats: sent while nothing waits to be published.

    Raises:
        ChurnError: the secret key cannot be read.

    Attributes:
        reached: the offset that comes next, by partition.
    """

    def __init__(
        self, settings: Settings, view: View, consumer: KafkaConsumer, thresholds: Thresholds, heartbeats: Heartbeats
    ) -> None:
        self._topic, self._most = settings.kafka.scores_topic, settings.publish.max_poll_records
        self._view, self._consumer = view, consumer
        self._thresholds, self._heartbeats = thresholds, heartbeats
        self._unreadable, self._latency = UnreadableScores(settings.kafka), Latency()
        self._signs = Signs(view, self._topic, self._latency)
        self._forgotten = Forgotten(view.redis, settings.secrets.read())
        self._followed_s = 0.0
        self.reached: dict[int, int] = {}

    def resume(self) -> None:
        """Prepares the view and goes to where it says that publishing was.

        Raises:
            ChurnError: the view belongs to another release, or to another topic.
            redis.RedisError, KafkaError: one of the two does not answer.
        """
        self._thresholds.prepare(self._view)
        self._forgotten.renew()
        before, self.reached = self.reached, resume(self._consumer, self._view, self._topic)
        if any(before.values()) and not any(self.reached.values()):
            log.warning("Redis has lost everything; the scores come again, without their alerts")
            self._view.silence(self._topic, before)
        log.info("publishing")

    def publish(self, stopping: threading.Event) -> None:
        """Publishes until `stopping` is set or the topic has got more partitions."""
        assigned = len(self._consumer.assignment())
        try:
            while not stopping.is_set() and len(self._consumer.partitions_for_topic(self._topic) or ()) <= assigned:
                waits = self.step() == self._most
                self._look_around(time.monotonic())
                if not waits:
                    self._heartbeats.beat(time.monotonic())
        finally:
            self._unreadable.close()

    def _look_around(self, now_s: float) -> None:
        """Now and then: what was chosen meanwhile, the alerts that quiet hours kept back, and a sign of life."""
        if now_s - self._followed_s >= FOLLOW_S:
            self._followed_s = now_s
            self._thresholds.follow(self._view)
            self._view.release(_wall_ms())
            self._signs.give(_wall_ms())

    def step(self) -> int:
        """Polls once and applies what came; returns how many records."""
        polled: dict[TopicPartition, Sequence[Any]] = self._consumer.poll(timeout_ms=250)
        if polled:
            self.apply(polled)
        return sum(map(len, polled.values()))

    def apply(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Applies what was polled, in one call of Redis, and moves on behind it."""
        found = Polled.of((message for batch in polled.values() for message in batch), self._unreadable)
        self._erase(found)
        self._thresholds.know(self._view, {score.model_version for _, _, score in found.scores})
        # Also beyond records that are not applied, so that they are not met again after a restart.
        read_to = {partition.partition: batch[-1].offset + 1 for partition, batch in polled.items()}
        read = {number: (self.reached[number], position) for number, position in read_to.items()}
        records, verdicts = self._publish(found.scores, read)
        self.reached.update(read_to)
        metrics.PUBLISH_BATCH_RECORDS.observe(len(records))
        newest = [score for (_, _, score), verdict in zip(records, verdicts, strict=True) if verdict == "applied"]
        self._latency.note(newest, _wall_ms())
        for verdict, count in Counter(verdicts).items():
            metrics.PUBLISH_RECORDS.labels(verdict).inc(count)
        metrics.PUBLISH_RECORDS.labels("forgotten").inc(len(found.scores) - len(records))
        for partition, position in read_to.items():
            metrics.PUBLISH_POSITION.labels(partition).set(position)

    def _erase(self, found: Polled) -> None:
        """Before anything is published: a marker leaves out what stands before it, too."""
        for user_id in found.erased:
            self._view.forget(user_id)
        if found.markers:
            self._view.redis.sadd("churn:forgotten", *found.markers)
            self._forgotten.renew()

    def _publish(self, scores: list[Record], read: Mapping[int, tuple[int, int]]) -> tuple[list[Record], list[Verdict]]:
        """Publishes all but those of the forgotten; somebody who is forgotten meanwhile is left out at the next try."""
        while True:
            records = [each for each in scores if not self._forgotten.holds(each[2].user_id)]
            now_ms = _wall_ms()
            quiet_until_ms, known = self._thresholds.quiet_until(now_ms), self._forgotten.count
            try:
                return records, self._view.publish(self._topic, records, now_ms, read, quiet_until_ms, known)
            except redis.ResponseError as error:
                if not str(error).startswith("FORGOTTEN"):
                    raise
                self._forgotten.renew()


def _wall_ms() -> int:
    return int(time.time() * 1000)
