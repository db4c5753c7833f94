"""The whole system on servers of its own, each part of which can be killed and started again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from kafka.errors import KafkaError

from churn import topics
from churn.child import Child
from churn.embedded import Broker, Valkey, free_port
from churn.events import encode
from churn.settings import Kafka
from churn.view import View
from tests.conftest import Servers
from tests.e2e.conftest import Row, environment
from tests.e2e.kafka_cluster import KafkaCluster


class System:
    """Broker, Valkey, stream and publish.

    Args:
        var: of everything.
        servers: whose jars and Java are used.
        models: with a current bundle.
        brokers: in place of the one broker; not entered yet.
        more: settings of the programs, as variables.
    """

    def __init__(
        self, var: Path, servers: Servers, models: Path, brokers: KafkaCluster | None = None, **more: str
    ) -> None:
        self._stack = ExitStack()
        self.broker = brokers or Broker(var, servers.jars, servers.java_home)
        self._replication = brokers.replication if brokers else 1
        self.valkey = Valkey(var)
        self._var, self._models, self._more = var, models, more
        self._servers = servers
        self.programs: dict[str, Child] = {}

    def __enter__(self) -> System:
        for server in (self.broker, self.valkey):
            self._stack.enter_context(server)
        self.kafka = Kafka(bootstrap=self.broker.bootstrap, replication=self._replication)
        topics.ensure(self.kafka)
        self.view = View.connect(self.valkey.url, socket_timeout=2, socket_connect_timeout=2)
        own = Servers(self.broker.bootstrap, self.valkey.url, self._servers.jars, self._servers.java_home)
        self.port = free_port()
        self._env = {**environment("auto", own, self.kafka, self._models, self._var, self.port), **self._more}
        for name in ("stream", "publish"):
            self.start(name)
        return self

    def __exit__(self, *exception: object) -> None:
        for program in self.programs.values():
            program.stop(15)
        self._stack.close()

    def start(self, name: str) -> None:
        """Starts a program, at first or after it has ended; its log goes on."""
        command = [sys.executable, "-m", "churn.cli", name]
        self.programs[name] = Child(name, command, self._var, env=self._env).start()

    def kill(self, part: str) -> None:
        """Kills a part with signal 9 and starts it again."""
        if part in self.programs:
            self.programs[part].kill()
            self.start(part)
            return
        server = {"broker": self.broker, "valkey": self.valkey}[part]
        assert server.child is not None
        server.child.kill()
        server.start()

    def revive(self) -> None:
        """Starts again what gave up because a server was away, as a supervisor of services does."""
        for name, program in list(self.programs.items()):
            if not program.alive:
                self.start(name)

    def tails(self) -> str:
        """The ends of the programs' logs."""
        return "\n".join(f"--- {name}\n{program.tail(25)}" for name, program in self.programs.items())


class Sender(threading.Thread):
    """Sends events one by one until Kafka has them all, whatever happens to the broker.

    Args:
        kafka: where to.
        rows: in order.
        pause_s: between two events, until it is told to hurry.
    """

    def __init__(self, kafka: Kafka, rows: list[Row], pause_s: float) -> None:
        super().__init__(daemon=True)
        self._kafka, self._rows, self._pause_s = kafka, rows, pause_s
        self._hurry = threading.Event()

    def hurry(self) -> None:
        """No more pauses."""
        self._hurry.set()

    def run(self) -> None:
        rows: Iterator[Row] | list[Row] = self._rows
        while rows:
            rows = self._send(list(rows))

    def _send(self, rows: list[Row]) -> list[Row]:
        """Sends rows; returns those that were not acknowledged. Sent again, some may come twice: they count once."""
        failed: list[Row] = []
        producer = topics.producer(self._kafka, linger_ms=5)
        for row in rows:
            try:
                sent = producer.send(self._kafka.events_topic, encode(row), key=row["userId"].encode() or None)
                sent.add_errback(lambda _, row=row: failed.append(row))
            except KafkaError:
                failed.append(row)
            self._hurry.wait(self._pause_s)
        producer.flush()
        producer.close()
        return failed
