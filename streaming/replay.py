"""`churn replay`: sends a log to the events topic in event time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError

from churn import topics
from churn.errors import ChurnError
from churn.event_log import stamp
from churn.settings import Kafka
from streaming.pace import Pace

HOUR_MS = 3_600_000
_AT_ONCE: dict[str, Any] = {"linger_ms": 0}
_FULL_BATCHES: dict[str, Any] = {"linger_ms": 20, "batch_size": 262_144, "compression_type": "lz4"}

LARGEST_BYTES = (1 << 20) - 2048
"""Of a line: a producer's limit for a record, less its key and its head."""


@dataclass
class Sent:
    """What has been sent so far; it grows while a replay runs.

    Attributes:
        events: lines handed to Kafka; all of them are acknowledged when the replay has returned.
        with_user: those of somebody logged in.
        ts: the newest event time among them, ms.
        too_large: lines left out because Kafka takes no record of their size.
    """

    events: int = 0
    with_user: int = 0
    ts: int = 0
    too_large: int = 0

    def add(self, ts: int | None, user: str) -> None:
        """Counts a line; `ts` is None for one that is no event."""
        self.events += 1
        self.with_user += user != ""
        self.ts = max(self.ts, ts or 0)


def replay(
    lines: Iterable[bytes],
    kafka: Kafka,
    pace: Pace,
    sent: Sent,
    stopping: threading.Event,
    after_ms: int | None = None,
    wait: Callable[[float], Any] | None = None,
) -> None:
    """Sends lines until they end or `stopping` is set, and returns when all of them are acknowledged.

    A line that is no event is sent as it is, at once: what becomes of it is the stream's decision, and it is counted
    there. One that is larger than Kafka takes is left out.
    Every event hour is flushed, so that no partition of the topic runs ahead of another.

    Args:
        lines: of a log.
        kafka: where to.
        pace: when each is due.
        sent: counts, kept up to date for whoever looks on.
        stopping: ends it early.
        after_ms: leave out events up to and including this time.
        wait: waits some seconds; by default on `stopping`.

    Raises:
        ChurnError: Kafka does not answer, or did not acknowledge an event.
    """
    out = topics.producer(kafka, **(_FULL_BATCHES if pace.speed is None else _AT_ONCE))
    refused: list[BaseException] = []
    hour = 0
    try:
        for line in lines:
            ts, user = stamp(line) or (None, "")
            if ts is not None:
                if after_ms is not None and ts <= after_ms:
                    continue
                if ts // HOUR_MS > hour:
                    out.flush()
                    hour = ts // HOUR_MS
                wait_s = pace.wait_s(ts)
                if wait_s > 0:
                    (wait or stopping.wait)(wait_s)
            if stopping.is_set() or refused:
                break
            if len(line) > LARGEST_BYTES:  # sent, it would end the replay, and every later one at the same place
                sent.too_large += 1
                continue
            # As the stream reads it: half a surrogate pair is "?".
            key = user.encode(errors="replace") or None
            out.send(kafka.events_topic, line, key=key).add_errback(refused.append)
            sent.add(ts, user)
        out.flush()
    except KafkaError as error:
        refused.append(error)
    finally:
        out.close()
    if refused:
        raise ChurnError(f"Kafka did not acknowledge an event ({refused[0]}).", "Look at the broker, and replay again.")
