"""Every feature of every user in Redis, against the oracle: through Kafka, Spark, publish and Valkey."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from churn import bundle, event_log
from churn.child import Child
from churn.demo.figures import scrape
from churn.embedded import free_port
from churn.events import encode
from churn.features import NAMES
from churn.model import load_scorer
from churn.parsing import read_log
from churn.settings import DAY_MS, Kafka, Mode
from churn.simulator import Simulation
from churn.view import View
from streaming.bootstrap import keep
from streaming.open_balances import open_balances
from tests.conftest import Servers
from tests.e2e.conftest import Row, disturbed, environment, identities, send
from tests.oracle import Expected, expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]


@pytest.fixture(scope="module", params=["simulated", "shared"])
def rows(request: pytest.FixtureRequest) -> list[Row]:
    if request.param == "simulated":
        start_ms = 1_538_352_000_000
        return list(Simulation(60, start_ms, start_ms + 24 * DAY_MS, seed=11).events())
    log = request.getfixturevalue("shared_data") / "sparkify-synthetic-mini.json.zst"
    kept = (json.loads(line) for line in event_log.lines(log))
    return [row for row in kept if row["userId"][-1:] in ("", "3") and row["ts"] < 1_538_352_000_000 + 24 * DAY_MS]


@pytest.mark.parametrize("mode", ["microbatch", "realtime"])
def test_every_feature_of_every_user_equals_the_oracle(  # noqa: PLR0917 (one story, from the log to the view)
    mode: Mode,
    rows: list[Row],
    servers: Servers,
    spark: SparkSession,
    models: Path,
    kafka: Kafka,
    redis_client: Any,
    programs: Callable[..., Child],
    eventually: Callable[..., bool],
    tmp_path: Path,
) -> None:
    sent, _ = disturbed(rows, seed=5)
    cut_ms = sorted(row["ts"] for row in sent)[len(sent) // 2]
    history, live = ([row for row in sent if (row["ts"] <= cut_ms) == before] for before in (True, False))
    of_users = [row for row in live if row["userId"]]
    wanted = identities(of_users)
    file = tmp_path / "history.json"
    file.write_bytes(b"".join(encode(row) + b"\n" for row in history))
    keep(read_log(spark.read.text(str(file))), cut_ms, tmp_path / "balances")
    opened = open_balances(tmp_path / "balances", kafka, lambda _: None, lambda: False)
    send(live, kafka)

    metrics_port = free_port()
    env = environment(mode, servers, kafka, models, tmp_path, metrics_port)
    stream, publish = programs("stream", env), programs("publish", env)
    view = View.connect(servers.redis_url)
    arrived = eventually(
        lambda: view.books().events_scored >= wanted or not (stream.alive and publish.alive), within_s=180
    )
    assert arrived, f"{view.books()} of {wanted}\n{stream.tail(30)}\n{publish.tail(10)}"

    expected = expect(sent, cut_ms=cut_ms)
    assert set(view.user_ids()) == set(expected)
    assert sum(user.events for user in expected.values()) == view.books().events_scored + opened.events
    found = {user_id: view.user(user_id) for user_id in expected}
    p = _chances(spark, models, expected)
    for user_id, user in expected.items():
        score = found[user_id].score
        assert (score.as_of, score.events, score.last_event, score.level, score.status) == (
            user.as_of, user.events, user.last_event, user.level, user.status,
        ), user_id  # fmt: skip
        for name in NAMES:
            assert math.isclose(score.features[name], user.features[name], rel_tol=1e-9), (user_id, name)
        for name in ("p_cancel", "p_lapse", "risk"):
            assert abs(getattr(score, name) - p[user_id][name]) < 1e-6, (user_id, name)

    # In = scored + duplicates + logged out: nothing is late, and nothing is a dead letter. A batch is counted at its
    # end, and the last one may hold nothing that is scored.
    dropped, records = "churn_stream_dropped", "churn_stream_records_total"
    books = {(dropped, "duplicate"): len(of_users) - wanted, (records, "logged_out"): len(live) - len(of_users)}
    assert eventually(lambda: books.items() <= scrape(metrics_port).items(), within_s=30), scrape(metrics_port)
    counted = scrape(metrics_port)
    assert counted[dropped, "late"] == 0
    assert counted.get((records, "dead"), 0) == 0


def _chances(spark: SparkSession, models: Path, expected: dict[str, Expected]) -> dict[str, dict[str, float]]:
    """The bundle's own pipelines on the oracle's features."""
    frame = spark.createDataFrame(
        [(user_id, *user.features.values()) for user_id, user in expected.items()], ["user_id", *NAMES]
    )
    scored = load_scorer(bundle.load(models))(frame).collect()
    return {row["user_id"]: row.asDict() for row in scored}
