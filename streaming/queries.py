"""The two queries of the stream: events to scores, and rubbish to dead letters."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from churn import clients, topics
from churn.rolling import rolling_features
from churn.settings import Settings
from streaming import checkpoint
from streaming.dead_letters import dead_letters
from streaming.modes import Running
from streaming.records import to_records
from streaming.source import dedupe, events_of_users, read_records

SCORES, DEAD_LETTERS = "scores", "dead-letters"
DEAD_LETTER_INTERVAL = "2 seconds"

Scorer = Callable[[DataFrame], DataFrame]


def slots(settings: Settings) -> int:
    """Task slots for both queries at once.

    Real-time mode holds a slot for every task of every stage for as long as it runs, and the dead letters need
    their own: with too few they take those free at a batch's end, and the real-time query dies.
    """
    sources = topics.partitions(settings.kafka, settings.kafka.events_topic)
    return 2 * sources + settings.stream.shuffle_partitions


class Features:
    """What there is to score, by mode.

    Args:
        spark: the session.
        settings: of everything.
    """

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark, self._settings = spark, settings
        self._prepared: dict[Running, DataFrame] = {}

    def prepare(self, mode: Running) -> None:
        """Reads the plan ahead of the next :meth:`take`, which for the first time takes seconds."""
        self._prepared[mode] = self._read(mode)

    def take(self, mode: Running) -> DataFrame:
        """For one start of the query: the next may need another password."""
        prepared = self._prepared.pop(mode, None)
        return self._read(mode) if prepared is None else prepared

    def _read(self, mode: Running) -> DataFrame:
        stream = self._settings.stream
        return (
            read_records(self._spark, self._settings, mode)
            .transform(events_of_users)
            .transform(dedupe, stream.dedupe_window_days, stream.shuffle_partitions)
            .transform(rolling_features)
        )


def scores(
    features: DataFrame, settings: Settings, mode: Running, score: Scorer, epoch: int, horizon_days: int
) -> StreamingQuery:
    """Starts the scoring query, of features for the same mode."""
    checkpoint.clear_uncommitted(settings.stream.checkpoint / SCORES)
    return write_scores(features.transform(score).transform(to_records, epoch, horizon_days), settings, mode)


def write_scores(records: DataFrame, settings: Settings, mode: Running) -> StreamingQuery:
    """Starts the writing of score records."""
    writer = _to_kafka(records, settings, SCORES, settings.kafka.scores_topic).outputMode("update")
    if mode == "realtime":
        realtime = {"realTime": settings.stream.realtime_batch}  # not yet among the types that pyspark declares
        return writer.trigger(**realtime).start()
    return writer.trigger(processingTime="0 seconds").start()


def letters(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Starts the dead-letter query, always in micro-batches."""
    records = read_records(spark, settings, "microbatch").transform(dead_letters)
    writer = _to_kafka(records, settings, DEAD_LETTERS, settings.kafka.dead_letters_topic)
    return writer.outputMode("append").trigger(processingTime=DEAD_LETTER_INTERVAL).start()


def _to_kafka(frame: DataFrame, settings: Settings, name: str, topic: str) -> DataStreamWriter:
    return (
        frame.writeStream.queryName(name)
        .format("kafka")
        .options(**clients.spark(settings.kafka))
        .option("topic", topic)
        .option("checkpointLocation", str(settings.stream.checkpoint / name))
    )
