"""Says how far Spark has come with a job that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JError
from pyspark import StatusTracker
from pyspark.sql import SparkSession

EVERY_S = 15.0
FEWEST_TASKS = 4


@contextmanager
def progress(spark: SparkSession, say: Callable[[str], None], every_s: float = EVERY_S) -> Iterator[None]:
    """While it is open, tells of each stage that is still at work after `every_s`: tasks done, of how many."""
    done = threading.Event()
    tracker = spark.sparkContext.statusTracker()

    def watch() -> None:
        told = ""
        with suppress(Py4JError, OSError):  # the JVM is gone: whoever works with it says so
            while not done.wait(every_s):
                line = _line(tracker)
                if line and line != told:
                    say(line)
                told = line

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _line(tracker: StatusTracker) -> str:
    """The stages that are at work; empty when each has but a task or two, and so no progress to tell."""
    stages = [tracker.getStageInfo(stage) for stage in sorted(tracker.getActiveStageIds())]
    long = [stage for stage in stages if stage and stage.numTasks >= FEWEST_TASKS]
    parts = [f"{stage.numCompletedTasks:,} of {stage.numTasks:,} tasks" for stage in long]
    return f"Spark is at work: {'; '.join(parts)}." if parts else ""
