"""Ends what may hang: while Kafka is away, a query waits for it and hears nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import structlog
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.sql import SparkSession

log = structlog.get_logger()

PATIENCE_S = 4.0


def within(seconds: float, work: Callable[[], object]) -> bool:
    """Does some work, and says whether it was done in time; if not, it is left to itself."""

    def run() -> None:
        with contextlib.suppress(Py4JError, OSError):  # the JVM is gone: then there is nothing left to end
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def end(spark: SparkSession) -> None:
    """Stops Spark, or kills its process: a checkpoint is made for that."""
    if within(PATIENCE_S, lambda: spark.stop()):  # noqa: PLW0108 (looking the method up asks the JVM, too)
        return
    log.warning("Spark does not end and is killed; the open batch is replayed at the next start")
    process = getattr(SparkContext._gateway, "proc", None)
    if process is not None:
        process.kill()
