"""Records to Kafka from the API: one producer, made when it is needed, and an answer only when all is acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError

from api.problems import ProblemError
from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka

log = structlog.get_logger()

WITHIN_S = 8.0
"""For every replica to have a record; afterwards whoever sent it is told to send it again."""
AGAIN_S = 2.0
"""After Kafka could not be reached, until it is tried again."""


@dataclass(frozen=True)
class Record:
    """One record; without a partition its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


class Sending:
    """Sends records, from any thread.

    Args:
        kafka: where to.
        clock_s: a monotonic clock, seconds.
    """

    def __init__(self, kafka: Kafka, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.kafka, self._clock_s = kafka, clock_s
        self._again_s = 0.0
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def send(self, records: Iterable[Record]) -> list[int]:
        """Sends some records in order, and returns the partition of each once Kafka has acknowledged them all.

        Raises:
            ProblemError: it has not; whether some of them are there is not known.
        """
        producer = None
        try:
            producer = self._connected()
            waiting = [
                producer.send(each.topic, each.value, key=each.key, partition=each.partition) for each in records
            ]
            return [int(future.get(timeout=WITHIN_S).partition) for future in waiting]
        except (KafkaError, ChurnError) as error:
            if producer is not None and not getattr(error, "retriable", True):
                self._drop(producer)
            log.warning("Kafka does not take records", error=f"{type(error).__name__}: {error}")
            raise ProblemError(
                "kafka-unavailable", "Kafka does not answer; send the same again.", {"Retry-After": "5"}
            ) from None

    def close(self) -> None:
        """Sends what is on its way and closes the connection."""
        if self._producer is not None:
            self._producer.close(timeout=2)

    def _drop(self, producer: KafkaProducer) -> None:
        """After an error that is not for a while, an idempotent producer takes nothing any more."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        producer.close(timeout=0)

    def _connected(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                if self._clock_s() < self._again_s:  # whoever waited for the lock need not wait for Kafka, too
                    raise ChurnError("Kafka did not answer a moment ago.", "")
                try:
                    self._producer = self._connect()
                except ChurnError:
                    self._again_s = self._clock_s() + AGAIN_S
                    raise
            return self._producer

    def _connect(self) -> KafkaProducer:
        return topics.producer(
            self.kafka,
            timeout_ms=3000,
            linger_ms=2,
            compression_type="lz4",
            max_block_ms=3000,
            delivery_timeout_ms=int(WITHIN_S * 1000),
            request_timeout_ms=5000,
        )
