"""Reads the events topic from given positions on, by either of the two clients that Python has.

`confluent` is the C client, which fetches in threads of its own; `kafka-python` is the one that the product uses.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Protocol

from churn import topics
from churn.settings import Kafka

Message = tuple[int, int, bytes]
"""Offset, the broker's stamp in ms, value; of a record without a value an empty one."""
Polled = Mapping[int, list[Message]]
"""Messages by partition, in order."""

_WAIT_S = 0.25
_FETCH_BYTES = 8 * 2**20


class Reader(Protocol):
    """What both clients do."""

    partitions: list[int]

    def read(self, most: int) -> Polled:
        """What waits, at most so many records; waits up to a quarter of a second for a first one."""

    def close(self) -> None:
        """Lets go of the broker."""


class KafkaPython:
    """By kafka-python, the client that the product publishes with.

    Args:
        kafka: where the topic is.
        begin: the offset to begin at, by partition; one that is missing begins at its beginning.
        share: which part of the partitions it takes.
        shares: of how many.
    """

    def __init__(self, kafka: Kafka, begin: Mapping[int, int], share: int = 0, shares: int = 1) -> None:
        self._consumer = topics.consumer(
            kafka,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=4 * _FETCH_BYTES,
        )
        known = topics.known_partitions(self._consumer, kafka.events_topic)[share::shares]
        self.partitions = [partition.partition for partition in known]
        self._consumer.assign(known)
        for partition in known:
            if partition.partition in begin:
                self._consumer.seek(partition, begin[partition.partition])
            else:
                self._consumer.seek_to_beginning(partition)

    def read(self, most: int) -> Polled:
        """See :class:`Reader`."""
        found: defaultdict[int, list[Message]] = defaultdict(list)
        left, wait_ms = most, int(_WAIT_S * 1000)
        # One poll gives what one fetch brought, of one partition: several are needed for a large batch.
        while left > 0 and (polled := self._consumer.poll(timeout_ms=wait_ms, max_records=left)):
            for partition, records in polled.items():
                left -= len(records)
                found[partition.partition] += [(one.offset, one.timestamp, one.value or b"") for one in records]
            wait_ms = 0
        return found

    def close(self) -> None:
        """See :class:`Reader`."""
        self._consumer.close()


class Confluent:
    """By confluent-kafka, librdkafka underneath; takes what :class:`KafkaPython` takes."""

    def __init__(self, kafka: Kafka, begin: Mapping[int, int], share: int = 0, shares: int = 1) -> None:
        from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition  # noqa: PLC0415

        self._failure: Callable[..., Exception] = KafkaException
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap,
                "group.id": "none",  # it has to have one; nothing is ever committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "max.partition.fetch.bytes": _FETCH_BYTES,
                "fetch.queue.backoff.ms": 10,  # by default it pauses for a second once its queue is full
            }
        )
        described = self._consumer.list_topics(kafka.events_topic, timeout=10).topics[kafka.events_topic]
        self.partitions = sorted(described.partitions)[share::shares]
        self._consumer.assign(
            [TopicPartition(kafka.events_topic, one, begin.get(one, OFFSET_BEGINNING)) for one in self.partitions]
        )

    def read(self, most: int) -> Polled:
        """See :class:`Reader`."""
        found: defaultdict[int, list[Message]] = defaultdict(list)
        # Waiting for many would wait for the last of them: wait for one, then take what is there.
        first = self._consumer.consume(1, _WAIT_S)
        for one in itertools.chain(first, self._consumer.consume(most - 1, 0) if first and most > 1 else ()):
            if one.error():
                raise self._failure(one.error())
            # Neither is None of a message that was read.
            found[one.partition()].append((one.offset(), one.timestamp()[1], one.value() or b""))  # type: ignore[index, arg-type]
        return found

    def close(self) -> None:
        """See :class:`Reader`."""
        self._consumer.close()


CLIENTS: dict[str, Callable[..., Reader]] = {"confluent": Confluent, "kafka-python": KafkaPython}
