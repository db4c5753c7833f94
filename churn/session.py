"""The Spark session of this machine: Java, jars, and `conf/spark-defaults.conf`."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog
from pyspark.sql import SparkSession

from churn import class_archive, jars, java, spark_metrics
from churn.own_folder import own_folder
from churn.settings import PROJECT

log = structlog.get_logger()

_CONF = PROJECT / "conf"
_LOCAL_FILES = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"

# A tenth less time for a job of a minute: docs/decisions/0004-jvm-options.md.
# The first compiler alone is given 48 MB for its code, which a search over models fills; then nothing is compiled any
# more.
_BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=256m")


def start(  # noqa: PLR0913 (all but the first by name, each a choice of the program that calls)
    name: str,
    *,
    slots: int,
    memory: str,
    local_dir: Path,
    shuffle_partitions: int,
    brief: bool = False,
    master: str | None = None,
    metrics_port: int | None = None,
    java_options: Sequence[str] = (),
) -> SparkSession:
    """Starts Spark inside this process: for a query that runs for months, or for a job of a minute or two.

    Args:
        name: of the application.
        slots: tasks that may run at once; more than there are cores is allowed.
        memory: heap of the driver, and on a cluster of each executor, as Java writes it.
        local_dir: where Spark may keep its temporary files, in a folder of this process that goes when it ends. What
            killed ones left there goes now.
        brief: a job of a minute: code that is compiled at once is worth more to it than code that is compiled well.
        master: a Spark cluster; by default `slots` threads of this process.
        shuffle_partitions: tasks after a shuffle; Spark's own default of 200 is for clusters.
        metrics_port: see :func:`churn.spark_metrics.options`.
        java_options: in place of those that make Java use the archive of classes.

    Raises:
        ChurnError: there is no Java, the jars are missing, or the port is taken.
    """
    home = java.java_home(java.cache_dir())
    found = jars.ensure(jars.FOLDER, home / "bin" / "java", log.info)
    _lead_the_launcher(home)
    web = spark_metrics.options(metrics_port)
    own = _until_the_end(local_dir.resolve())
    builder = (
        SparkSession.builder.master(master or f"local[{slots}]")
        .appName(name)
        .config("spark.driver.memory", memory)
        .config("spark.jars", ",".join(str(jar) for jar in sorted(found.connector.glob("*.jar"))))
        .config("spark.sql.shuffle.partitions", shuffle_partitions)
        .config("spark.local.dir", str(own))
        .config("spark.sql.warehouse.dir", str(own / "warehouse"))
        .config(map=web)
    )
    if master is None:
        # Renames in place of the general way of writing a checkpoint's files: a batch of 431 ms takes 209. Only a local
        # disk renames in one step.
        builder = builder.config("spark.sql.streaming.checkpointFileManagerClass", _LOCAL_FILES)
    else:
        builder = builder.config("spark.executor.memory", memory)
    options = _java_options(home, brief, java_options)
    builder = builder.config("spark.driver.extraJavaOptions", " ".join(f'"{option}"' for option in options))
    started = builder.getOrCreate()
    spark_metrics.announce(started)
    return started


def _lead_the_launcher(home: Path) -> None:
    """Tells pyspark's start script, which reads nothing but the environment, what to start."""
    os.environ.update(
        JAVA_HOME=str(home),
        SPARK_CONF_DIR=str(_CONF),
        SPARK_LOCAL_IP="127.0.0.1",
        PYSPARK_PYTHON=sys.executable,
        PYSPARK_DRIVER_PYTHON=sys.executable,
    )


def _java_options(home: Path, brief: bool, of_classes: Sequence[str]) -> list[str]:
    return [
        *("-cp", class_archive.class_path(os.environ)),
        f"-Dlog4j2.configurationFile={_CONF / 'log4j2.properties'}",
        *(of_classes or class_archive.archive(home).options()),
        *(_BRIEF if brief else ()),
    ]


def _until_the_end(local_dir: Path) -> Path:
    """A folder for as long as this process lives: a JVM that is killed, or whose Python is, tidies nothing up."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(own_folder(local_dir, "run-"))
