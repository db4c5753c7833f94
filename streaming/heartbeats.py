"""Somebody who has left sends nothing: heartbeats make the stream look at the silent again."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from kafka import KafkaProducer

from churn import events, metrics, topics
from churn.errors import ChurnError
from churn.settings import DAY_MS, Settings
from churn.view import View

EVERY_S = 0.25
SETTLED_S = 10.0
"""From a heartbeat to its place in the stream, with a wide margin."""


class Heartbeats:
    """Sends one heartbeat to each user who is due, never more than a set rate.

    A heartbeat's time follows from when its user was due, so one that is sent again after a restart is the same event
    and counts once. By the event clock nobody is due while the whole platform is silent.

    Args:
        view: says who is due, and what the event clock shows.
        settings: of heartbeats, Kafka and the stream.

    Raises:
        ChurnError: a heartbeat could be too late for the stream.
    """

    def __init__(self, view: View, settings: Settings) -> None:
        window_ms = settings.stream.dedupe_window_days * DAY_MS
        self._interval_ms = round(settings.heartbeat.interval_days * DAY_MS)
        if self._interval_ms >= window_ms:
            raise ChurnError(
                "heartbeat.interval_days is not shorter than stream.dedupe_window_days.",
                "Shorten it: a heartbeat older than the window is late, and dropped.",
            )
        self._margin_ms = (window_ms - self._interval_ms) / 2
        self._view, self._kafka, self._per_second = view, settings.kafka, settings.heartbeat.per_second
        self._producer: KafkaProducer | None = None
        self._looked_s: float | None = None
        self._allowance = 0.0
        self._clocks: deque[tuple[float, int]] = deque()
        self._waiting: dict[str, int] = {}

    def beat(self, now_s: float) -> int:
        """Sends what is due, and returns how many. To be called often, while nothing waits to be published.

        Args:
            now_s: a clock that only goes forward, seconds.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        if not self._per_second or not self._rested(now_s):
            return 0
        clock = self._view.clock()
        if clock is None or not self._settled(now_s, clock):
            return 0
        sent = self._send(clock, int(self._allowance))
        self._allowance -= sent
        return sent

    def close(self) -> None:
        """Sends what is on its way and closes the connection."""
        if self._producer is not None:
            self._producer.close()

    def _rested(self, now_s: float) -> bool:
        """Whether it is time to look again; what may be sent grows with time, but a long rest allows no burst."""
        before_s = now_s if self._looked_s is None else self._looked_s
        if self._looked_s is not None and now_s - before_s < EVERY_S:
            return False
        self._looked_s = now_s
        self._allowance = min(
            self._allowance + self._per_second * (now_s - before_s), max(self._per_second * EVERY_S, 1.0)
        )
        return True

    def _settled(self, now_s: float, clock: int) -> bool:
        """Whether the event clock is known to run slowly enough: in a backlog, heartbeats would come too late."""
        self._clocks.append((now_s, clock))
        while len(self._clocks) > 1 and self._clocks[1][0] <= now_s - SETTLED_S:
            self._clocks.popleft()
        then_s, then = self._clocks[0]
        return now_s - then_s >= SETTLED_S and clock - then < self._margin_ms

    def _connected(self) -> KafkaProducer | None:
        """The producer, None while no broker answers: publish waits for one, too."""
        with suppress(ChurnError):
            self._producer = self._producer or topics.producer(self._kafka, linger_ms=5)
        return self._producer

    def _send(self, clock: int, most: int) -> int:
        # Who was sent one stays due until the score is there, and is passed over.
        due = self._view.due(clock, most + len(self._waiting))
        found = {user_id: since + (clock - since) // self._interval_ms * self._interval_ms for user_id, since in due}
        self._waiting = {user_id: ts for user_id, ts in self._waiting.items() if found.get(user_id) == ts}
        new = [(user_id, ts) for user_id, ts in found.items() if user_id not in self._waiting][:most]
        producer = self._connected() if new else None
        if producer is None:
            return 0
        for user_id, ts in new:
            value = events.encode(events.heartbeat(user_id, ts))
            sent = producer.send(self._kafka.events_topic, value, key=user_id.encode())
            sent.add_errback(lambda _, user_id=user_id: self._waiting.pop(user_id, None))
            self._waiting[user_id] = ts
        metrics.PUBLISH_HEARTBEATS.inc(len(new))
        return len(new)
