"""Makes the archive of `churn.class_archive`: a small stream runs once, and Java keeps the classes that it needed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import class_archive, topics
from churn.bundle import Bundle
from churn.calibration import Sigmoid, to_card
from churn.child import Child
from churn.embedded import Broker
from churn.events import encode
from churn.features import FEATURES
from churn.jars import Jars
from churn.model import load_scorer, probability_name
from churn.outcomes import OUTCOMES
from churn.settings import DAY_MS, Kafka, Settings, Stream
from churn.simulator import Simulation
from streaming import queries
from streaming.job import start_spark
from streaming.modes import Running
from streaming.pace import Pace
from streaming.replay import Sent, replay

EVENTS = 1_000
"""For each mode."""
MODES: tuple[Running, ...] = ("microbatch", "realtime")
SCORES_WITHIN_S = 120.0
WITHIN_S = 300.0
START_MS = 1_538_352_000_000


def ensure(found: Jars, java_home: Path, say: Callable[[str], object]) -> None:
    """Makes the archive unless there is one; a Java that cannot is told of, and no reason to fail.

    Args:
        found: the jars.
        java_home: of the Java that runs Spark.
        say: told of progress.

    Raises:
        ChurnError: Kafka or Spark does not start.
    """
    archive = class_archive.archive(java_home)
    if archive.exists:
        return
    say("Archiving Spark's classes, once: about half a minute, and every start of Spark is seconds shorter.")
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=archive.spark.parent) as name:
        folder = Path(name)
        # The name of Java's own stands in Spark's: it is made in its place.
        new = class_archive.Archive(archive.java, folder / archive.spark.name)
        dump = [str(java_home / "bin" / "java"), "-Xshare:dump", f"-XX:SharedArchiveFile={new.java}"]
        subprocess.run(dump, capture_output=True, check=False)
        with Broker(folder, found, java_home) as broker:
            own = [str(folder), broker.bootstrap, str(new.java), str(new.spark)]
            command = [sys.executable, "-m", "streaming.class_recording", *own]
            with Child("recording", command, folder, env={"JAVA_HOME": str(java_home)}) as child:
                child.wait(WITHIN_S)
        if not new.exists:
            say(f"None was made, and everything works without: {child.tail(1)}")
            return
        for older in set(new.java.parent.glob("*.jsa")) - {new.java}:
            older.unlink(missing_ok=True)
        new.spark.replace(archive.spark)


def main(folder: Path, bootstrap: str, archive: class_archive.Archive) -> None:
    """Scores some events in a JVM that has ended, and has written the archive, when this returns."""
    # Of the defaults alone: nothing of this machine's settings matters here.
    settings = Settings.model_construct(
        var=folder,
        kafka=Kafka(bootstrap=bootstrap),
        stream=Stream(checkpoint=folder / "checkpoint", driver_memory="1g"),
    )
    topics.ensure(settings.kafka)
    spark = start_spark(settings, archive.recording())
    _score_in_both_modes(spark, settings)
    spark.stop()
    # It is kept alive by its standard input; killed, as it otherwise is, it would write nothing.
    gateway: Any = SparkContext._gateway
    gateway.proc.stdin.close()
    gateway.proc.wait()


def _score_in_both_modes(spark: SparkSession, settings: Settings) -> None:
    """Other events in each: what came before would be dropped as a duplicate."""
    score = load_scorer(_bundle(spark, settings.var / "bundle"))
    people = Simulation(30, START_MS, START_MS + 7 * DAY_MS)
    lines = (encode(event) for event in people.events())
    with closing(topics.consumer(settings.kafka)) as reader:
        partitions = topics.known_partitions(reader, settings.kafka.scores_topic)
        for mode in MODES:
            before = reader.end_offsets(partitions)
            query = queries.scores(queries.Features(spark, settings).take(mode), settings, mode, score, 1, 14)
            replay(islice(lines, EVENTS), settings.kafka, Pace(None, time.time), Sent(), threading.Event())
            deadline_s = time.monotonic() + SCORES_WITHIN_S
            while query.isActive and reader.end_offsets(partitions) == before and time.monotonic() < deadline_s:
                time.sleep(0.2)
            query.stop()


def _bundle(spark: SparkSession, folder: Path) -> Bundle:
    """Models of nothing, in the form of those that are scored by."""
    inputs = array_to_vector(F.array(*[F.col("id").cast("double")] * len(FEATURES)))
    frame = spark.range(8).select((F.col("id") % 2).cast("double").alias("label"), inputs.alias("features"))
    card = {
        "version": "none",
        "calibration": {outcome: to_card(Sigmoid(1.0, 0.0)) for outcome in OUTCOMES},
    }
    bundle = Bundle(folder, card)
    for outcome in OUTCOMES:
        one = LogisticRegression(maxIter=1, probabilityCol=probability_name(outcome))
        Pipeline(stages=[one]).fit(frame).save(str(bundle.pipeline(outcome)))
        bundle.onnx(outcome).touch()
    return bundle


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], class_archive.Archive(Path(sys.argv[3]), Path(sys.argv[4])))
