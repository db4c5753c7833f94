"""The newest epoch that any score tells of."""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from churn import topics
from churn.errors import ChurnError
from churn.scores import decode
from churn.settings import Settings
from streaming.publisher import connected

_WAIT_MS = 5000


def newest_epoch(settings: Settings) -> int:
    """The largest epoch among the last records of the scores topic, 0 where there are none.

    Raises:
        ChurnError: no broker answers.
    """
    consumer, topic = connected(settings), settings.kafka.scores_topic
    try:
        partitions = topics.known_partitions(consumer, topic)
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        return max((_last(consumer, p, ends[p]) for p in partitions if ends[p] > begins[p]), default=0)
    finally:
        consumer.close()


def _last(consumer: KafkaConsumer, partition: TopicPartition, end: int) -> int:
    """The epoch of a partition's last record, which compaction never takes; 0 where it cannot be read."""
    consumer.assign([partition])
    consumer.seek(partition, end - 1)
    for batch in consumer.poll(timeout_ms=_WAIT_MS).values():
        try:
            return decode(batch[-1].value or b"").epoch
        except ChurnError:
            return 0
    return 0
