"""Training and the stream on clusters of processes; workers and brokers are killed under load. Run by `make chaos`."""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from churn import bundle, topics
from churn.child import Child
from churn.demo.figures import scrape
from tests.conftest import Servers
from tests.e2e.audit import differences
from tests.e2e.conftest import identities, send
from tests.e2e.kafka_cluster import KafkaCluster
from tests.e2e.spark_cluster import SparkCluster
from tests.e2e.system import Sender, System
from tests.e2e.test_chaos import KILLS, QUICK, SEED, Story, log, touchy

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.cluster, pytest.mark.timeout(7200)]

BACKLOG = 8000
"""Events that wait when the stream begins."""


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


def test_workers_and_brokers_that_are_killed_under_load_cost_no_event(
    cluster: SparkCluster, servers: Servers, models: Path, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    rng, rows, brokers = random.Random(SEED), log(30), KafkaCluster(tmp_path, servers.jars, servers.java_home)
    kinds = ["worker", "broker"] * max(2, KILLS // 5)  # each takes a minute
    rng.shuffle(kinds)
    # In turn: after a loss all tasks are on the other one.
    turns = itertools.cycle(rng.sample((0, 1), 2))
    # A backlog to begin with; and however slow the machine is under all of this, it goes live.
    pace = {
        "CHURN_STREAM__LIVE_LAG": "4000",
        "CHURN_STREAM__BACKLOG_LAG": "5000",
        "CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "20000",
    }
    more = {"CHURN_STREAM__MASTER": cluster.url, **QUICK, **pace, **touchy(models)}
    with System(tmp_path, servers, models, brokers, **more) as system:
        story = Story(system, rng)
        send(rows[:BACKLOG], system.kafka)
        sender = Sender(system.kafka, rows[BACKLOG:], pause_s=0.04)
        sender.start()
        pid = system.programs["stream"].pid
        live = ("churn_stream_starts_total", "live")
        assert eventually(lambda: scrape(system.port).get(live, 0) > 0, 600), system.tails()
        for kind in kinds:
            story.wait_for(story.scored() + 1, 300)
            time.sleep(rng.uniform(0, 4))
            if kind == "worker":
                lose_worker(story, cluster, next(turns))
            else:
                lose_leader(story, brokers)
        sender.hurry()
        sender.join(300)
        assert not sender.is_alive()
        story.wait_for(identities(rows), 600)
        assert differences(system.view, system.kafka, rows) == []
        assert story.watcher.went_back == []
        assert [cluster.kept_state(number) for number in (0, 1)] == [True, True]
        brokers.wait_until(lambda: topics.problems(system.kafka) == [], 10)
        assert system.programs["stream"].pid == pid, "it got over everything by itself"


def lose_worker(story: Story, cluster: SparkCluster, number: int) -> None:
    """Kills a worker and its executor; the other one takes over before it is there again."""
    before = story.scored()
    cluster.workers[number].kill()
    story.wait_for(before + 100, 300)
    cluster.start_worker(number)


def lose_leader(story: Story, brokers: KafkaCluster) -> None:
    """Kills the node that leads a partition of events; the others go on before it is there again, up to date."""
    kafka = story.system.kafka
    node = brokers.leader(kafka.events_topic, story.rng.randrange(kafka.partitions))
    before = story.scored()
    brokers.kill(node)
    story.wait_for(before + 100, 300)
    brokers.start(node)
    brokers.wait_until(lambda: brokers.complete(list(topics.topic_configs(kafka))), 120)
