"""Training and the stream on a Spark cluster of processes; a worker is killed under load. Run by `make chaos`."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn import bundle
from churn.child import Child
from tests.conftest import Servers
from tests.e2e.audit import differences
from tests.e2e.conftest import identities
from tests.e2e.spark_cluster import SparkCluster
from tests.e2e.system import Sender, System
from tests.e2e.test_chaos import QUICK, Story, log, touchy

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.cluster, pytest.mark.timeout(1800)]


@pytest.fixture
def cluster(tmp_path: Path, java_home: Path) -> Iterator[SparkCluster]:
    with SparkCluster(tmp_path / "cluster", java_home) as running:
        yield running


@pytest.mark.parametrize("kind", ["logistic", "boosting"])
def test_a_model_is_trained_on_a_cluster(
    cluster: SparkCluster, simulated_log: Path, tmp_path: Path, servers: Servers, kind: str
) -> None:
    command = [sys.executable, "-m", "churn.cli", "train", "--events", simulated_log, "--out", tmp_path / "models"]
    env = {
        "CHURN_VAR": str(tmp_path / "var"),
        "CHURN_TRAINING__SEARCH": "false",
        "CHURN_TRAINING__CANDIDATES": f'["{kind}"]',
        "CHURN_TRAINING__DATE_PARTS": "5",
        "CHURN_LABELS__FOLDS": "4",
    }
    with Child("train", [*command, "--master", cluster.url, "--memory", "1g"], tmp_path, env=env) as train:
        assert train.wait(900) == 0, train.tail(30)
    held = bundle.load(tmp_path / "models")
    held.require_models()
    assert held.card["models"]["cancel"]["kind"] == kind
    assert any((tmp_path / "cluster" / f"worker-{number}").glob("app-*/*/stderr") for number in range(2)), (
        "workers worked"
    )


def test_a_worker_that_is_killed_under_load_costs_no_event(
    cluster: SparkCluster, servers: Servers, models: Path, tmp_path: Path
) -> None:
    rng, rows = random.Random(3), log(12)
    with System(tmp_path, servers, models, CHURN_STREAM__MASTER=cluster.url, **QUICK, **touchy(models)) as system:
        story, sender = Story(system, rng), Sender(system.kafka, rows, pause_s=90 / len(rows))
        sender.start()
        for number in (0, 1):
            story.wait_for(story.scored() + 200, 120)
            cluster.workers[number].kill()
            cluster.start_worker(number)
        story.kill("broker")
        sender.hurry()
        sender.join(300)
        story.wait_for(identities(rows), 300)
        assert differences(system.view, system.kafka, rows) == []
        assert story.watcher.went_back == []
