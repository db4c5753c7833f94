"""`churn bootstrap`: history becomes one opening balance per user on the events topic."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events, rolling
from churn.settings import Kafka


def opening_records(log: DataFrame, cut_ms: int) -> DataFrame:
    """Openings as Kafka records: the JSON of `churn.events.opening`, keyed by user.

    Sent twice they are one, because they are the same event.
    """
    record = F.struct(
        F.lit(cut_ms).alias("ts"),
        F.col("user_id").alias("userId"),
        F.lit(events.OPENING_SESSION).alias("sessionId"),
        F.lit(0).alias("itemInSession"),
        F.lit(events.OPENING).alias("page"),
        "level",
        "registration",
        F.struct("events", "last_event", "cancelled_at", "sums").alias("opening"),
    )
    return rolling.openings(log, cut_ms).select(
        F.col("user_id").cast("binary").alias("key"), F.to_json(record).cast("binary").alias("value"), "events"
    )


def bootstrap(log: DataFrame, kafka: Kafka, cut_ms: int) -> tuple[int, int]:
    """Sends the openings.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        kafka: where to.
        cut_ms: events up to and including this time are in the balances. Later events must follow in the topic.

    Returns:
        How many openings were sent, and how many events are in them.
    """
    records = opening_records(log, cut_ms).persist()
    users, opened = (records.agg(F.count("*"), F.sum("events")).first() or (0, 0))[:2]
    writer = records.select("key", "value").write.format("kafka")
    writer.option("kafka.bootstrap.servers", kafka.bootstrap).option("topic", kafka.events_topic).save()
    return users, opened or 0
