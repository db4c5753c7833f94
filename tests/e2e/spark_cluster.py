"""A Spark standalone cluster as child processes: a master and workers on the loopback interface."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pyspark

from churn.child import Child
from churn.embedded import free_port
from churn.server import HOST, is_free

START_S = 60.0


class SparkCluster:
    """A master and workers.

    Args:
        var: of logs and of the workers' files.
        java_home: from `churn.java.java_home`.
        workers: how many.
        cores: task slots of each; may be more than there are.
        memory: of each, for executors, as Java writes it.
    """

    def __init__(self, var: Path, java_home: Path, workers: int = 2, cores: int = 8, memory: str = "2g") -> None:
        self._var, self._java = var, java_home / "bin" / "java"
        self._env = {
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_SCALA_VERSION": "2.13",  # Spark's own scripts would say so
            "SPARK_LOCAL_IP": HOST,
            "JAVA_HOME": str(java_home),
        }
        self._stack = ExitStack()
        self._port, self._count = free_port(), workers
        self._options = ["--cores", str(cores), "--memory", memory]
        self.workers: dict[int, Child] = {}

    @property
    def url(self) -> str:
        """For `--master`."""
        return f"spark://{HOST}:{self._port}"

    def __enter__(self) -> SparkCluster:
        self._stack.enter_context(
            self._child("spark-master", "master.Master", "--port", str(self._port), "--webui-port", "0")
        )
        deadline_s = time.monotonic() + START_S
        while is_free(self._port):
            assert time.monotonic() < deadline_s, "the master does not listen"
            time.sleep(0.1)
        for number in range(self._count):
            self.start_worker(number)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def start_worker(self, number: int) -> None:
        """Starts a worker, at first or after it was killed."""
        work, local = self._var / f"worker-{number}", {"SPARK_LOCAL_DIRS": str(self._local(number))}
        options = ["--webui-port", "0", "--work-dir", str(work), *self._options, self.url]
        self.workers[number] = self._stack.enter_context(
            self._child(f"spark-worker-{number}", "worker.Worker", *options, **local)
        )

    def kept_state(self, number: int) -> bool:
        """Whether a worker has had state of a query in its care: tasks of its stateful operators ran there."""
        return any(self._local(number).rglob("StateStore*"))

    def _local(self, number: int) -> Path:
        return self._var / f"local-{number}"

    def _child(self, name: str, main: str, *options: str, **env: str) -> Child:
        classes = f"{Path(pyspark.__file__).parent / 'jars'}/*"
        command = [
            str(self._java),
            "-Xmx256m",
            "-cp",
            classes,
            f"org.apache.spark.deploy.{main}",
            "--host",
            HOST,
            *options,
        ]
        return Child(name, command, self._var, env={**self._env, **env})
