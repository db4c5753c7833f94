"""From Kafka to valid events of users, each once."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import clients
from churn.parsing import parse
from churn.settings import Settings
from streaming.modes import Running


def read_records(spark: SparkSession, settings: Settings, mode: Running) -> DataFrame:
    """The events topic from its beginning: `value, received_ms, topic, partition, offset`."""
    reader = (
        spark.readStream.format("kafka")
        .options(**clients.spark(settings.kafka))
        .option("subscribe", settings.kafka.events_topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        # At each poll the source also asks the broker how far the topic reaches: fewer, larger ones.
        .option("kafka.max.poll.records", "5000")
        .option("kafka.max.partition.fetch.bytes", "4194304")
    )
    if mode == "microbatch":
        # Small enough batches that no partition runs far ahead of another: the watermark is one for all.
        reader = reader.option("maxOffsetsPerTrigger", settings.stream.max_offsets_per_trigger)
    return reader.load().select(
        "value", F.unix_millis("timestamp").alias("received_ms"), "topic", "partition", "offset"
    )


def events_of_users(records: DataFrame) -> DataFrame:
    """Valid events of somebody logged in, heartbeats and openings among them."""
    return (
        parse(records.select("value", "received_ms")).where("reason is null and user_id != ''").drop("value", "reason")
    )


def dedupe(frame: DataFrame, window_days: float, partitions: int) -> DataFrame:
    """Each event once, however often it arrives within the window of event time; what is older is late and dropped.

    Events are brought together by user before it, which is how the features want them as well: one shuffle serves both
    (docs/decisions/0012-one-shuffle.md).
    """
    return (
        frame.withColumn("event_time", F.timestamp_millis("ts"))
        .withWatermark("event_time", f"{round(window_days * 86_400)} seconds")
        .repartition(partitions, "user_id")
        .dropDuplicates(["user_id", "session_id", "item", "event_time"])
    )
