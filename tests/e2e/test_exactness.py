"""Every feature of every user in Redis, against the oracle: through Kafka, Spark, publish and Valkey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from churn import bundle, event_log
from churn.demo.figures import scrape
from churn.events import encode
from churn.features import NAMES
from churn.model import load_scorer
from churn.parsing import read_log
from churn.settings import DAY_MS, Mode
from churn.simulator import Simulation
from streaming.bootstrap import keep
from streaming.open_balances import open_balances
from tests.e2e.audit import of_user
from tests.e2e.conftest import Row, Running, disturbed, identities, send
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
def test_every_feature_of_every_user_equals_the_oracle(
    mode: Mode,
    rows: list[Row],
    running: Running,
    spark: SparkSession,
    models: Path,
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
    opened = open_balances(tmp_path / "balances", running.kafka, lambda _: None, lambda: False)
    send(live, running.kafka)

    view, metrics_port = running.view, running.port
    stream, publish = (running.start(command, mode) for command in ("stream", "publish"))
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
        assert of_user(score, user) == []
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
