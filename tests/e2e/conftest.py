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


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(command: str, env: dict[str, str]) -> Child:
        child = Child(command, [sys.executable, "-m", "churn.cli", command], tmp_path, env=env).start()
        started.append(child)
        return child

    yield start
    for child in started:
        child.stop(10)


def environment(mode: Mode, servers: Servers, kafka: Kafka, models: Path, var: Path, port: int) -> dict[str, str]:
    return {
        **{f"CHURN_KAFKA__{name.upper()}": str(value) for name, value in kafka.model_dump().items()},
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
