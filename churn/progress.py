"""Says how far Spark has come with a job that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        while not done.wait(every_s):
            stages = [tracker.getStageInfo(stage) for stage in sorted(tracker.getActiveStageIds())]
            # A stage of a task or two has no progress to tell.
            long = [stage for stage in stages if stage and stage.numTasks >= FEWEST_TASKS]
            parts = [f"{stage.numCompletedTasks:,} of {stage.numTasks:,} tasks" for stage in long]
            line = f"Spark is at work: {'; '.join(parts)}."
            if parts and line != told:
                say(line)
            told = line

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
