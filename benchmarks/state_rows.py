"""What it costs that RocksDB counts the rows of the stream's state: CPU time of the JVM for an event.

The stream's chain up to the features, on files in place of Kafka, again and again in one JVM, in turn: not counting,
counting. The first runs warm the JVM up. One line per run.

Example: python benchmarks/state_rows.py --runs 18
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path

import psutil
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import session
from churn.events import encode
from churn.rolling import rolling_features
from churn.settings import DAY_MS
from churn.simulator import Simulation
from streaming.source import dedupe, events_of_users

START_MS = 1_538_352_000_000
BATCH = 20_000
PARTITIONS = 2


def main() -> None:
    """Prints one line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=18)
    parser.add_argument("--users", type=int, default=300, help="simulated listeners, over fifty days")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        events = simulate(var / "log", options.users)
        spark = session.start(
            "state rows", slots=2, memory="1500m", local_dir=var / "spark", shuffle_partitions=PARTITIONS
        )
        for run in range(options.runs):
            counting = run % 2 == 1
            spent_s, rows = measure(spark, var, run, counting)
            told = "counting" if counting else "not counting"
            print(f"run {run}, {told}: {spent_s / events * 1e6:.1f} µs of CPU an event; rows {rows}", flush=True)
        spark.stop()


def simulate(folder: Path, users: int) -> int:
    """Writes whole batches of events, a file each; returns how many events."""
    folder.mkdir()
    people = Simulation(users, START_MS, START_MS + 50 * DAY_MS).events()
    written = 0
    while len(batch := list(itertools.islice(people, BATCH))) == BATCH:
        (folder / f"{written:09}.json").write_bytes(b"".join(encode(event) + b"\n" for event in batch))
        written += BATCH
    return written


def measure(spark: SparkSession, var: Path, run: int, counting: bool) -> tuple[float, dict[str, int]]:
    """Seconds of CPU that one run took, and the rows that Spark tells of, by operator."""
    spark.conf.set("spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows", counting)
    lines = spark.readStream.option("maxFilesPerTrigger", 1).text(str(var / "log"))
    received_ms = F.lit(START_MS + 400 * DAY_MS)
    records = lines.select(F.col("value").cast("binary").alias("value"), received_ms.alias("received_ms"))
    features = dedupe(events_of_users(records), 3.0, PARTITIONS).transform(rolling_features)
    before_s = cpu_s()
    query = (
        features.writeStream.format("noop")
        .outputMode("update")
        .option("checkpointLocation", str(var / f"checkpoint-{run}"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spent_s = cpu_s() - before_s
    operators = json.loads(query.recentProgress[-1].json)["stateOperators"]
    return spent_s, {each["operatorName"]: each["numRowsTotal"] for each in operators}


def cpu_s() -> float:
    """CPU time of the JVM so far."""
    [jvm] = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    times = jvm.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
