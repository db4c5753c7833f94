"""How much of the events topic the scoring query has still to read."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from kafka.errors import KafkaError

from churn import metrics, topics
from churn.settings import Kafka
from streaming import checkpoint

PACE_S = 10.0
ANSWER_MS = 2000
"""So long it waits for the broker: whoever looks after the queries must not be kept from ending them."""


class Lag:
    """Compares what the topic holds with what the checkpoint and the open batch have read.

    Args:
        kafka: where the topic is.
        query: the folder of the query's checkpoint.

    Raises:
        ChurnError: no broker answers.
    """

    def __init__(self, kafka: Kafka, query: Path) -> None:
        self._topic, self._query = kafka.events_topic, query
        self._consumer = topics.consumer(kafka)
        self._partitions = topics.known_partitions(self._consumer, self._topic)
        self._events = 0
        self._read: deque[tuple[float, int]] = deque()

    def look(self, open_rows: int, now_s: float) -> int:
        """Records not read yet; as before while the broker does not answer.

        Args:
            open_rows: that the open batch of real-time mode has read so far.
            now_s: a clock that only goes forward, seconds.
        """
        try:
            begins = self._consumer.beginning_offsets(self._partitions, timeout_ms=ANSWER_MS)
            ends = self._consumer.end_offsets(self._partitions, timeout_ms=ANSWER_MS)
        except KafkaError:
            return self._events
        committed = checkpoint.position(self._query, self._topic)
        read = sum(max(committed.get(p.partition, 0), begins[p]) for p in self._partitions) + open_rows
        self._events = max(0, sum(ends.values()) - read)
        metrics.STREAM_LAG.set(self._events)
        metrics.STREAM_LAG_SECONDS.set(self._seconds(read, now_s))
        return self._events

    def _seconds(self, read: int, now_s: float) -> float:
        """At the pace of late; infinite while nothing gets on."""
        self._read.append((now_s, read))
        while len(self._read) > 1 and self._read[1][0] <= now_s - PACE_S:
            self._read.popleft()
        then_s, then = self._read[0]
        if self._events == 0:
            return 0.0
        if read <= then:
            return float("inf")
        return self._events * (now_s - then_s) / (read - then)

    def close(self) -> None:
        """Closes the connection."""
        self._consumer.close()
