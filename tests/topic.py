"""Everything that a topic holds."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from churn import topics
from churn.settings import Kafka


def everything(kafka: Kafka, topic: str) -> list[Any]:
    """The messages of a topic up to its end now, by partition and offset."""
    consumer = topics.consumer(kafka, max_poll_records=10_000)
    partitions = topics.known_partitions(consumer, topic)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    found: list[Any] = []
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        found += [message for batch in consumer.poll(timeout_ms=1000).values() for message in batch]
    consumer.close()
    return sorted(found, key=attrgetter("partition", "offset"))
