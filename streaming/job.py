"""`churn stream`: events in, scores out, in real-time mode or in micro-batches."""

from __future__ import annotations

import contextlib
import threading
import time

import structlog
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from churn import bundle, metrics, session, topics
from churn.errors import ChurnError
from churn.model import load_scorer
from churn.rolling import rolling_features
from churn.settings import Settings
from streaming import checkpoint
from streaming.dead_letters import dead_letters
from streaming.progress import Progress
from streaming.records import to_records
from streaming.source import dedupe, events_of_users, read_records

log = structlog.get_logger()

DEAD_LETTER_INTERVAL = "2 seconds"
WATCH_S = 1.0
DATA_LOST = ("data may have been lost", "OffsetOutOfRangeException")
"""What Spark's source and Kafka's consumer say when events have gone: aged out, or the topic was deleted."""


def run(settings: Settings, stopping: threading.Event, wait_s: float = 0.0) -> None:
    """Runs both queries until `stopping` is set or one of them fails.

    Args:
        settings: of everything.
        stopping: ends it; the open batch is replayed at the next start.
        wait_s: how long to wait for a first model.

    Raises:
        ChurnError: Kafka, the model or the checkpoint is not fit; or a query failed, with its reason.
    """
    # Without waiting it is refused now, not after the JVM has started.
    ready = None if wait_s else bundle.load(settings.models)
    metrics.serve(metrics.STREAM, settings.stream.metrics_port, "stream.metrics_port")
    topics.ensure(settings.kafka)
    epoch = checkpoint.epoch(settings.stream.checkpoint, int(time.time() * 1000))
    spark = session.start(
        "churn stream",
        slots=slots(settings),
        memory=settings.stream.driver_memory,
        local_dir=settings.var / "spark",
        shuffle_partitions=settings.stream.shuffle_partitions,
    )
    try:
        model = ready or bundle.wait(settings.models, wait_s, stopping)
        queries = start(spark, settings, model, epoch)
        log.info("streaming", mode=settings.stream.mode, epoch=epoch, model=model.version)
        _watch(queries, Progress(spark, settings.stream.mode), stopping)
    finally:
        with contextlib.suppress(Py4JError, OSError):  # the JVM is gone: what is wrong has been said
            spark.stop()


def slots(settings: Settings) -> int:
    """Task slots for both queries at once.

    Real-time mode holds a slot for every task of every stage for as long as it runs, and the dead letters need
    their own: with too few they take those free at a batch's end, and the real-time query dies.
    """
    sources = topics.partitions(settings.kafka, settings.kafka.events_topic)
    return 2 * sources + 2 * settings.stream.shuffle_partitions


def start(spark: SparkSession, settings: Settings, model: bundle.Bundle, epoch: int) -> list[StreamingQuery]:
    """Starts the scoring query and the dead-letter query."""
    score = load_scorer(model)
    records = read_records(spark, settings)
    scores = (
        records.transform(events_of_users)
        .transform(dedupe, settings.stream.dedupe_window_days)
        .transform(rolling_features)
        .transform(score)
        .transform(to_records, epoch, model.horizon_days)
    )
    return [write_scores(scores, settings), write_dead_letters(records, settings)]


def write_scores(scores: DataFrame, settings: Settings) -> StreamingQuery:
    """Starts the scoring query, in the mode of the settings."""
    writer = _to_kafka(scores, settings, "scores", settings.kafka.scores_topic).outputMode("update")
    if settings.stream.mode == "realtime":
        realtime = {"realTime": settings.stream.realtime_batch}  # not yet among the types that pyspark declares
        return writer.trigger(**realtime).start()
    return writer.trigger(processingTime="0 seconds").start()


def write_dead_letters(records: DataFrame, settings: Settings) -> StreamingQuery:
    """Starts the dead-letter query, always in micro-batches."""
    writer = _to_kafka(records.transform(dead_letters), settings, "dead-letters", settings.kafka.dead_letters_topic)
    return writer.outputMode("append").trigger(processingTime=DEAD_LETTER_INTERVAL).start()


def _to_kafka(frame: DataFrame, settings: Settings, name: str, topic: str) -> DataStreamWriter:
    return (
        frame.writeStream.queryName(name)
        .format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka.bootstrap)
        .option("topic", topic)
        .option("checkpointLocation", str(settings.stream.checkpoint / name))
    )


def _watch(queries: list[StreamingQuery], progress: Progress, stopping: threading.Event) -> None:
    try:
        while not stopping.wait(WATCH_S):
            for query in queries:
                progress.note(query)
                if not query.isActive:
                    raise failed(query)
            progress.publish()
    except (Py4JError, OSError) as error:  # OSError: nobody listens where the JVM was
        if not stopping.is_set():
            raise ChurnError(
                f"The JVM is gone ({type(error).__name__}).", "Start it again: it goes on where it was."
            ) from None
    finally:
        # A signal to the whole group ends the JVM too: then there is nothing left to stop.
        with contextlib.suppress(Py4JError, OSError):
            for query in queries:
                query.stop()


def failed(query: StreamingQuery) -> ChurnError:
    """The error for a query that has ended by itself."""
    told = str(query.exception() or "it stopped by itself").strip()
    if any(words in told for words in DATA_LOST):  # Spark's own advice would go on with wrong balances
        return ChurnError(
            f"Kafka no longer holds all events that the query {query.name} had still to read.", checkpoint.NEW_EPOCH
        )
    reason = told.splitlines()[0][:300].rstrip(".;")
    return ChurnError(f"The query {query.name} failed: {reason}.", "Start it again: it goes on where it was.")
