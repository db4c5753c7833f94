"""A log as training and bootstrap see it: files of whatever kind, in a Spark session of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import event_log, parsing, session
from churn.errors import ChurnError
from churn.progress import progress
from churn.spark_errors import explained
from churn.spark_paths import literally

PARQUET = ".parquet"
NEEDED = ("ts", "userId", "sessionId", "itemInSession", "page")
BYTES_PER_TASK = 128 << 20
PARQUET_PACKS = 10
"""About how much smaller Parquet is than the same events as JSON."""
HEAP = re.compile("[1-9][0-9]*[mg]")
BRIEF_BYTES = 2 << 30
"""A log up to this size is a job of some minutes."""


@dataclass(frozen=True)
class History:
    """A log in Spark.

    Attributes:
        lines: `value`, one JSON object a row, as they came.
        events: the valid events of users among them, each once, kept in memory or on local disk.
    """

    lines: DataFrame
    events: DataFrame


@contextmanager
def open_history(
    path: Path | Sequence[Path],
    name: str,
    var: Path,
    say: Callable[[str], None],
    memory: str = "2g",
    master: str | None = None,
) -> Iterator[History]:
    """Opens a log: JSON lines, plain or compressed, Parquet, or a folder of either.

    Args:
        path: the file or folder, or several.
        name: of the Spark application.
        var: where what is temporary goes.
        say: told of progress.
        memory: heap of the driver, as Java writes it.
        master: a Spark cluster, such as `spark://host:7077`; by default this machine.

    Raises:
        ChurnError: it is missing, of an unknown kind, cut short, or holds no event; `memory` is no size; the cluster
            does not answer; or Spark failed for want of disk or memory, or died.
    """
    if not HEAP.fullmatch(memory):
        raise ChurnError(f"{memory} is no size of a heap.", "Write it as Java does, such as 6g or 900m.")
    files = log_files([path] if isinstance(path, Path) else path)
    with ExitStack() as stack:
        plain = [stack.enter_context(event_log.plain(file, var)) for file in files if file.suffix != PARQUET]
        parquet = [file for file in files if file.suffix == PARQUET]
        size = sum(map(_size, plain)) + PARQUET_PACKS * sum(map(_size, parquet))
        try:
            spark = session.start(
                name,
                slots=max(2, os.cpu_count() or 2),
                memory=memory,
                local_dir=var / "spark",
                shuffle_partitions=max(2, size // BYTES_PER_TASK),
                brief=size < BRIEF_BYTES,
                master=master,
            )
            stack.callback(_stop, spark)
            stack.enter_context(progress(spark, say))
            lines = _lines(spark, plain, parquet)
            yield History(lines, parsing.read_log(lines).persist())
        except (PySparkException, Py4JError, ConnectionError) as error:
            raise explained(error, memory, master) from error


def _stop(spark: SparkSession) -> None:
    with suppress(Py4JError, OSError):  # the JVM is gone: what is wrong has been said
        spark.stop()


def log_files(paths: Sequence[Path]) -> list[Path]:
    """The logs at some paths, each looked into.

    Raises:
        ChurnError: a log is missing, of an unknown kind, or holds no event.
    """
    return [file for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    """The logs at a path, each looked into.

    A folder that Spark wrote is one of Parquet parts; markers such as `_SUCCESS` are no logs.
    """
    if not path.is_dir():
        files = [path]
    else:
        known = (*event_log.SUFFIXES, PARQUET)
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(known))
        files = [file for file in files if not file.name.startswith((".", "_"))]
        if not files:
            raise ChurnError(f"{path} holds no log.", f"Its files should end in {', '.join(known)}.")
    for file in files:
        if file.suffix != PARQUET:
            event_log.require(file)
        elif not file.is_file():
            raise ChurnError(f"{file} is not there.", "Look at the path.")
    return files


def _size(file: Path) -> int:
    return file.stat().st_size


def _lines(spark: SparkSession, plain: list[Path], parquet: list[Path]) -> DataFrame:
    parts = []
    if plain:
        parts.append(spark.read.text(list(map(literally, plain))))
    if parquet:
        table = spark.read.parquet(*map(literally, parquet))
        if missing := [name for name in NEEDED if name not in table.columns]:
            raise ChurnError(
                f"The Parquet log has no column {missing[0]}.", f"It needs {', '.join(NEEDED)}, level and registration."
            )
        # Back to JSON, so that one set of rules decides what a valid event is.
        parts.append(table.select(F.to_json(F.struct("*")).alias("value")))
    first, *others = parts
    for other in others:
        first = first.unionByName(other)
    return first
