"""A part of the stream, to see what each step costs: parsing alone, or everything but the dedupe.

The second counts doubles twice; it is no way to run the product.
"""

from __future__ import annotations

import argparse
import threading

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from churn import bundle, signals
from churn import settings as configuration
from churn.model import load_scorer
from churn.rolling import rolling_features
from churn.settings import Settings
from streaming import queries
from streaming.job import start_spark
from streaming.records import to_records
from streaming.source import events_of_users, read_records


def main() -> None:
    """Runs until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("parse-only", "without-dedupe"))
    options = parser.parse_args()
    settings, stopping = configuration.load(), signals.until_signal()
    spark = start_spark(settings)
    try:
        start = parse_only if options.what == "parse-only" else without_dedupe
        tell(start(spark, settings), stopping)
    finally:
        spark.stop()


def parse_only(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Reads, parses and looks at every field, and throws all of it away."""
    parsed = read_records(spark, settings, "microbatch").transform(events_of_users)
    writer = parsed.writeStream.format("noop").option("checkpointLocation", str(settings.stream.checkpoint))
    return writer.trigger(processingTime="0 seconds").start()


def without_dedupe(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """The scoring query, counting every record."""
    model = bundle.load(settings.models)
    records = (
        read_records(spark, settings, "microbatch")
        .transform(events_of_users)
        .transform(rolling_features)
        .transform(load_scorer(model))
        .transform(to_records, 1, model.horizon_days)
    )
    return queries.write_scores(records, settings, "microbatch")


def tell(query: StreamingQuery, stopping: threading.Event) -> None:
    """Says how many records were read, whenever a batch is done."""
    read, seen = 0, -1
    while not stopping.wait(0.02):
        if not query.isActive:
            raise SystemExit(str(query.exception()))
        for report in query.recentProgress:
            if report.batchId > seen:
                read, seen = read + report.numInputRows, report.batchId
                print(f"read {read}", flush=True)
    query.stop()


if __name__ == "__main__":
    main()
