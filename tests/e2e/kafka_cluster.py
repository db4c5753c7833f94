"""A Kafka cluster of three brokers as child processes, each a controller too: one may be lost at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from churn.embedded import Broker, free_port, new_cluster_id
from churn.jars import Jars
from churn.server import HOST

NODES = 3

# Over what the one broker of a demonstration has: internal topics on every node, and one that is missing is forgiven.
# No min.insync.replicas for all topics: the program has to see to its own.
_REPLICATED = """\
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
default.replication.factor=3
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
"""


class Node(Broker):
    """One broker of the cluster.

    Args:
        number: from 1.
        controllers: port of each node's controller, in order.
        cluster_id: of all.
        var: see :class:`churn.embedded.Broker`, as the rest.
        jars: likewise.
        java_home: likewise.
    """

    heap = ("-Xms128m", "-Xmx256m")

    def __init__(
        self, number: int, controllers: Sequence[int], cluster_id: str, var: Path, jars: Jars, java_home: Path
    ) -> None:
        self.name, self.title = f"kafka-{number}", f"Kafka broker {number}"
        super().__init__(var, jars, java_home, port=free_port())
        self._number, self._controllers, self._cluster_id = number, controllers, cluster_id

    def _properties(self, port: int, data: Path) -> str:
        voters = ",".join(f"{node}@{HOST}:{held}" for node, held in enumerate(self._controllers, 1))
        own = self._controllers[self._number - 1]
        more = _REPLICATED.format(node=self._number, voters=voters, port=port, controller=own)
        return super()._properties(port, data) + more


class KafkaCluster:
    """Three nodes. Topics of the program are to be made with `replication`.

    Args:
        var: of their data and logs.
        jars: from :func:`churn.jars.ensure`.
        java_home: from :func:`churn.java.java_home`.
    """

    replication = NODES

    def __init__(self, var: Path, jars: Jars, java_home: Path) -> None:
        controllers, cluster_id = [free_port() for _ in range(NODES)], new_cluster_id()
        self.nodes = {
            number: Node(number, controllers, cluster_id, var, jars, java_home) for number in range(1, NODES + 1)
        }

    @property
    def bootstrap(self) -> str:
        """Every node, for clients: whichever is away."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def __enter__(self) -> KafkaCluster:
        try:
            # Side by side: none is ready before most of them are.
            with ThreadPoolExecutor(NODES) as together:
                list(together.map(Node.start, self.nodes.values()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for node in self.nodes.values():
            node.stop()

    def kill(self, number: int) -> None:
        """Kills a node with signal 9; its data stay."""
        child = self.nodes[number].child
        assert child is not None
        child.kill()

    def start(self, number: int) -> None:
        """Starts a node again that was killed."""
        self.nodes[number].start()

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition, -1 for none."""
        return int(self._described(topic)[partition]["leader_id"])

    def complete(self, topics: Sequence[str]) -> bool:
        """Whether every node has all of these topics, and up to date."""
        return all(
            len(partition["isr_nodes"]) == NODES for topic in topics for partition in self._described(topic).values()
        )

    def wait_until(self, holds: Callable[[], bool], within_s: float) -> None:
        """Waits for something that the cluster does by itself."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline_s, "\n".join(
                f"--- {node.name}\n{node.child.tail(10)}" for node in self.nodes.values() if node.child
            )
            time.sleep(0.2)

    def _described(self, topic: str) -> dict[int, dict[str, Any]]:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            return {each["partition_index"]: each for each in admin.describe_topics([topic])[0]["partitions"]}
        finally:
            admin.close()
