"""What Spark's web server costs, which its own metrics need: heap, threads and CPU time of a small query.

Fifty batches, with the server and a scrape every five seconds, or without. One line.

Example: python benchmarks/spark_web_server.py; python benchmarks/spark_web_server.py --serve
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from churn import session
from churn.spark_metrics import PATH

WARM_UP, BATCHES = 10, 50
SCRAPE_S = 5.0


def main() -> None:
    """Prints one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = 0 if options.serve else None
        spark = session.start(
            "web server", slots=4, memory="1g", local_dir=Path(folder), shuffle_partitions=2, metrics_port=port
        )
        [jvm] = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
        query = start(spark, Path(folder))
        begun = reach(spark, query, WARM_UP)
        before = jvm.cpu_times()
        ended = reach(spark, query, WARM_UP + BATCHES)
        after = jvm.cpu_times()
        spent_s = (after.user + after.system - before.user - before.system) / (ended - begun)
        told = "serving" if options.serve else "not serving"
        print(f"{told}: heap {heap_mb(spark):.0f} MB, {jvm.num_threads()} threads, {spent_s:.3f} s of CPU a batch")
        query.stop()
        spark.stop()


def start(spark: SparkSession, var: Path) -> StreamingQuery:
    """Counts the rows of each second."""
    rows = spark.readStream.format("rate").option("rowsPerSecond", 1000).load()
    counts = rows.withWatermark("timestamp", "10 seconds").groupBy("timestamp").count()
    writer = counts.writeStream.queryName("scores").format("noop").outputMode("update")
    return writer.option("checkpointLocation", str(var / "checkpoint")).trigger(processingTime="0 seconds").start()


def reach(spark: SparkSession, query: StreamingQuery, batch: int) -> int:
    """Waits for a batch, as Prometheus would; returns the one that was reached."""
    url = spark.sparkContext.uiWebUrl
    while (progress := query.lastProgress) is None or progress.batchId < batch:
        if url:
            urllib.request.urlopen(f"{url}{PATH}").read()  # noqa: S310 (our own address)
        time.sleep(SCRAPE_S)
    return int(progress.batchId)


def heap_mb(spark: SparkSession) -> float:
    """What is left of the heap when it has been collected."""
    java = spark._jvm.java.lang  # type: ignore[union-attr]
    java.System.gc()
    runtime = java.Runtime.getRuntime()
    return float(runtime.totalMemory() - runtime.freeMemory()) / 1e6


if __name__ == "__main__":
    main()
