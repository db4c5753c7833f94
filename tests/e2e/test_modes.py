"""`--mode auto` and a swap of models, on real servers: one checkpoint, every event counted once, no alert by a swap."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from churn import bundle
from churn.child import Child
from churn.demo.figures import scrape
from churn.embedded import free_port
from churn.features import NAMES
from churn.settings import DAY_MS, Kafka
from churn.simulator import Simulation
from churn.view import View
from tests.conftest import Servers
from tests.e2e.conftest import Row, disturbed, environment, identities, send
from tests.oracle import expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
DAYS = 8
MODES = ("churn_stream_mode", "realtime"), ("churn_stream_mode", "microbatch")


def copied(models: Path, folder: Path) -> list[str]:
    """The folder gets the trained bundle three times: as it is, of another version, and damaged."""
    held = bundle.load(models)
    versions = [held.version, f"{held.version}-second", f"{held.version}-third"]
    for version in versions:
        shutil.copytree(held.path, folder / version)
        (folder / version / bundle.MANIFEST).unlink()
        bundle.seal(folder / version, {**held.card, "version": version})
    (folder / versions[2] / "cancel.onnx").write_bytes(b"damaged")
    bundle.use(folder, versions[0])
    return versions


def test_a_backlog_then_live_then_another_model(
    servers: Servers,
    models: Path,
    kafka: Kafka,
    redis_client: Any,
    programs: Callable[..., Child],
    eventually: Callable[..., bool],
    tmp_path: Path,
) -> None:
    first, second, third = copied(models, tmp_path / "models")
    rows, _ = disturbed(list(Simulation(60, START_MS, START_MS + DAYS * DAY_MS, seed=5).events()), seed=6)
    parts = [[row for row in rows if (row["ts"] - START_MS) // DAY_MS * 4 // DAYS == part] for part in range(4)]
    port, view = free_port(), View.connect(servers.redis_url)
    env = {
        **environment("auto", servers, kafka, tmp_path / "models", tmp_path, port),
        "CHURN_STREAM__LIVE_LAG": "50",
        "CHURN_STREAM__BACKLOG_LAG": "500",
        "CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "500",
    }

    def scored(part: list[Row], so_far: list[Row]) -> None:
        send(part, kafka)
        wanted = identities(so_far + part)
        done = eventually(lambda: view.books().events_scored >= wanted or not stream.alive, 120)
        assert done, f"{view.books()} of {wanted}\n{stream.tail(30)}"
        assert view.books().events_scored == wanted, stream.tail(30)

    send(parts[0], kafka)
    stream, publish = programs("stream", env), programs("publish", env)
    modes: set[tuple[float | None, float | None]] = set()

    def live() -> bool:
        found = scrape(port)
        modes.add((found.get(MODES[0]), found.get(MODES[1])))
        return found.get(MODES[0]) == 1

    assert eventually(live, 120), stream.tail(30)
    assert (0, 1) in modes, "it began with micro-batches"
    scored([], parts[0])
    scored(parts[1], parts[0])
    assert eventually(lambda: scrape(port).get(("churn_stream_lag_events",)) == 0, 20)

    alerts = view.books().alerts
    bundle.use(tmp_path / "models", second)
    assert eventually(lambda: scrape(port).get(("churn_stream_model", second)) == 1, 60), stream.tail(30)
    scored(parts[2], parts[0] + parts[1])
    bundle.use(tmp_path / "models", third)
    assert eventually(lambda: "the chosen model is not taken" in stream.log.read_text(), 20)
    scored(parts[3], parts[0] + parts[1] + parts[2])
    counted = scrape(port)
    starts = {labels[0]: count for (name, *labels), count in counted.items() if name == "churn_stream_starts_total"}
    assert starts == {"begin": 1, "live": 1, "model": 1}
    assert (stream.stop(20), publish.stop(20)) == (0, 0)

    expected = expect(rows)
    for user_id, user in expected.items():
        held = view.user(user_id)
        assert held is not None
        assert (held.score.events, held.score.version, held.score.as_of) == (user.events, user.events, user.as_of)
        for name in NAMES:
            assert math.isclose(held.score.features[name], user.features[name], rel_tol=1e-9), (user_id, name)
    records = scores(kafka)
    assert set(Counter(record["model_version"] for record in records)) == {first, second}
    assert swapped_silently(records, view)
    assert alerts <= view.books().alerts


def scores(kafka: Kafka) -> list[dict[str, Any]]:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=2000)
    consumer.assign([TopicPartition(kafka.scores_topic, number) for number in range(kafka.partitions)])
    found = [json.loads(message.value) for message in consumer]
    consumer.close()
    return found


def swapped_silently(records: list[dict[str, Any]], view: View) -> bool:
    """No alert is about the first score of a user by another model."""
    first_by: dict[tuple[str, str], int] = {}
    for record in records:
        first_by.setdefault((record["user_id"], record["model_version"]), record["version"])
    return not any(first_by[alert.user_id, alert.model_version] == alert.version for alert in view.alerts(10_000))
