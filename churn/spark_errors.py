"""What Spark says when it fails, as sentences that tell a person what to do."""

from __future__ import annotations

import subprocess

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from churn.errors import ChurnError

NO_CLUSTER = (
    "masters are unresponsive",
    "Could not parse Master URL",
    "Invalid master URL",
    "Failed to connect to master",
    "Master removed our application",
    "stopped SparkContext",
)
"""What Spark says when a cluster cannot be reached."""

_DYING_S = 1.0


def explained(error: PySparkException | Py4JError | ConnectionError, memory: str, master: str | None) -> Exception:
    """The ChurnError for what Spark failed of, or the error itself where nothing is known of it.

    Args:
        error: as Spark raised it, or the connection to it.
        memory: heap of the driver, as Java writes it.
        master: the cluster, if it is one.
    """
    text = str(error)
    for signs, told in _known(memory, master):
        if any(sign in text for sign in signs):
            return told
    if _jvm_is_gone(error):
        return ChurnError(
            "The JVM is gone: Spark ended in the middle of its work.",
            f"The machine may lack memory for a heap of {memory} beside all else: make room, or lower --memory.",
        )
    return error


def _known(memory: str, master: str | None) -> list[tuple[tuple[str, ...], ChurnError]]:
    """Signs, any one of which must stand in what Spark says, and what they mean."""
    return [
        (
            ("Java heap space", "OutOfMemoryError", "GC overhead limit"),
            ChurnError(f"Spark's heap of {memory} is too small for this log.", "Give it more with --memory."),
        ),
        (
            ("JAVA_GATEWAY_EXITED",),
            ChurnError(f"Java did not start with a heap of {memory}.", "Give it a size that this machine has."),
        ),
        (
            NO_CLUSTER if master else (),
            ChurnError(f"The cluster {master} does not take the job.", "Correct --master, or look at its workers."),
        ),
        (
            ("No space left on device",),
            ChurnError(
                "The disk is full: Spark could not keep what it was working on.",
                "Make room, or set var to a folder on a larger disk.",
            ),
        ),
        (
            ("not a Parquet file", "CANNOT_READ_FILE"),
            ChurnError("A Parquet file of the log cannot be read: it is damaged or cut short.", "Fetch it again."),
        ),
    ]


def _jvm_is_gone(error: Exception) -> bool:
    """Whether Spark's process has ended: a call that it broke off looks like any that failed."""
    if isinstance(error, (ConnectionError, Py4JNetworkError)):
        return True
    process = getattr(SparkContext._gateway, "proc", None)
    if process is None or isinstance(error, (PySparkException, Py4JJavaError)):  # it has answered
        return False
    try:
        process.wait(_DYING_S)
    except subprocess.TimeoutExpired:
        return False
    return True
