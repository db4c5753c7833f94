"""What whole-system tests share: the programs as child processes, and a log that is hard to count right."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from churn.child import Child
from churn.embedded import free_port
from churn.events import encode
from churn.settings import DAY_MS, Kafka, Mode
from churn.view import View
from tests.conftest import Servers

Row = dict[str, Any]


def disturbed(rows: list[Row], seed: int) -> tuple[list[Row], int]:
    """The rows with many equal times, 2 % of those of users doubled, and shuffled within each day."""
    rng = random.Random(seed)
    rows = [{**row, "ts": row["ts"] // 60_000 * 60_000} for row in rows]
    doubled = [row for row in rows if row["userId"] and rng.random() < 0.02]
    days: dict[int, list[Row]] = {}
    for row in itertools.chain(rows, doubled):
        days.setdefault(row["ts"] // DAY_MS, []).append(row)
    for day in days.values():
        rng.shuffle(day)
    return [row for day in sorted(days) for row in days[day]], len(doubled)


def identities(rows: list[Row]) -> int:
    """How many events of users there are, however often each comes."""
    return len({(row["userId"], row["sessionId"], row["itemInSession"], row["ts"]) for row in rows if row["userId"]})


class Running:
    """The programs of one test on the session's servers, with folders, topics and ports of their own.

    Args:
        servers: of the session.
        kafka: the test's topics.
        models: with a current bundle.
        var: of everything else.
        eventually: waits.
    """

    def __init__(
        self, servers: Servers, kafka: Kafka, models: Path, var: Path, eventually: Callable[..., bool]
    ) -> None:
        self.kafka, self.view, self.port = kafka, View.connect(servers.redis_url), free_port()
        self._servers, self._models, self._var = servers, models, var
        self._eventually = eventually
        self._started: list[Child] = []

    def start(self, command: str, mode: Mode = "microbatch", **more: str) -> Child:
        """Starts a program; the metrics of a stream are at `port`."""
        env = {**environment(mode, self._servers, self.kafka, self._models, self._var, self.port), **more}
        child = Child(command, [sys.executable, "-m", "churn.cli", command], self._var, env=env).start()
        self._started.append(child)
        return child

    def stop(self) -> None:
        """Ends what still runs."""
        for child in self._started:
            child.stop(10)

    def reach(self, count: int, stream: Child, within_s: float = 120) -> None:
        """Waits until so many events are scored, and sees that it is not one more."""

        def done() -> bool:
            return self.view.books().events_scored >= count or not stream.alive

        assert self._eventually(done, within_s), f"{self.view.books()} of {count}\n{stream.tail(30)}"
        assert self.view.books().events_scored == count, stream.tail(30)


@pytest.fixture
def running(
    servers: Servers, models: Path, kafka: Kafka, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> Iterator[Running]:
    programs = Running(servers, kafka, models, tmp_path, eventually)
    yield programs
    programs.stop()


def environment(mode: Mode, servers: Servers, kafka: Kafka, models: Path, var: Path, port: int) -> dict[str, str]:
    return {
        **kafka.variables(),
        "CHURN_REDIS__URL": servers.redis_url,
        "CHURN_MODELS": str(models),
        "CHURN_VAR": str(var),
        "CHURN_STREAM__MODE": mode,
        "CHURN_STREAM__CHECKPOINT": str(var / "checkpoint"),
        "CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "2000",  # several batches
        "CHURN_STREAM__METRICS_PORT": str(port),
        "CHURN_HEARTBEAT__PER_SECOND": "0",  # the tests say themselves what comes
        "CHURN_PUBLISH__METRICS_PORT": str(free_port()),
    }


def send(rows: list[Row], kafka: Kafka) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    sent = [producer.send(kafka.events_topic, encode(row), key=row["userId"].encode() or None) for row in rows]
    for future in sent:
        future.get(timeout=30)
    producer.close()
