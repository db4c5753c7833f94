"""What tests of every program share: real servers, started once, and names that no other test uses."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import redis

from churn import jars, java, topics
from churn.embedded import Broker, Valkey
from churn.events import encode
from churn.settings import DAY_MS, PROJECT, Kafka, Labels, Settings, Training
from churn.simulator import Simulation
from churn.view import View
from tests.browsing import browser, chromium
from tests.secured import Secured, secured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A slow machine is no fault of the program: time limits are what pytest-timeout is for.
hypothesis.settings.register_profile("churn", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)  # of `make check`
hypothesis.settings.load_profile("churn")

QUICK = Settings(labels=Labels(folds=4), training=Training(search=False, date_parts=5, resamples=20))
"""A model in as little time as it takes."""

__all__ = ["browser", "chromium", "secured"]

MUST_RUN = ("servers", "spark")
"""Tests with these markers guard the real thing: one that could not run has guarded nothing, so it fails."""


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test session are."""

    bootstrap: str
    redis_url: str
    jars: jars.Jars
    java_home: Path


@pytest.fixture(scope="module")
def own_view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """A view on a Valkey that no other file uses."""
    with Valkey(tmp_path_factory.mktemp("own")) as running:
        yield View.connect(running.url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marked = [name for name in MUST_RUN if item.get_closest_marker(name)]
    # Logs that are not part of this repository; a disk of its own, which CI has to allow; a package that only
    # `make peers` and `make bench` install; a browser, which not every machine has.
    optional = any(
        words in str(report.longrepr)
        for words in (
            "shared data",
            "may not be mounted",
            "Quix Streams is not installed",
            "There is no Chromium",
            "There is no npm",
        )
    )
    if marked and report.skipped and not hasattr(report, "wasxfail") and not optional:
        report.outcome = "failed"
        report.longrepr = f"A test marked {marked[0]} must not be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is not marked is part of the quick check, so it may not start what the markers stand for."""
    for name in MUST_RUN:
        if name in getattr(item, "fixturenames", ()) and not item.get_closest_marker(name):
            pytest.fail(f"The test uses the fixture {name} and is not marked so.")


@pytest.fixture(autouse=True)
def _no_spark_unless_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.node.get_closest_marker("spark"):
        monkeypatch.setenv("SPARK_HOME", os.devnull)  # there pyspark looks for the script that starts the JVM


@pytest.fixture
def eventually() -> Callable[..., bool]:
    """Waits for something another process does: true once it holds, false if it did not within some seconds."""

    def wait(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.01)
        return True

    return wait


@pytest.fixture(scope="session")
def java_home() -> Path:
    return java.java_home(java.cache_dir())


@pytest.fixture(scope="session")
def installed_jars(java_home: Path) -> jars.Jars:
    return jars.ensure(jars.FOLDER, java_home / "bin" / "java", print)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, java_home: Path, installed_jars: jars.Jars) -> Iterator[Servers]:
    var = tmp_path_factory.mktemp("servers")
    with Broker(var, installed_jars, java_home) as broker, Valkey(var) as valkey:
        yield Servers(broker.bootstrap, valkey.url, installed_jars, java_home)


@pytest.fixture(scope="session")
def secured_servers(
    tmp_path_factory: pytest.TempPathFactory, java_home: Path, installed_jars: jars.Jars
) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("secured"), installed_jars, java_home) as started:
        yield started


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, installed_jars: jars.Jars) -> Iterator[SparkSession]:
    from churn import session  # noqa: PLC0415 (most tests need no Spark)

    local_dir = tmp_path_factory.mktemp("spark")
    started = session.start("tests", slots=2, memory="1g", local_dir=local_dir, shuffle_partitions=2, brief=True)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def simulated_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven weeks of 150 listeners, of which the model of these tests learns."""
    file = tmp_path_factory.mktemp("log") / "history.json"
    start_ms = 1_538_352_000_000
    people = Simulation(150, start_ms, start_ms + 49 * DAY_MS)
    file.write_bytes(b"".join(encode(event) + b"\n" for event in people.events()))
    return file


@pytest.fixture(scope="session")
def models(spark: SparkSession, simulated_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one trained bundle, the current one."""
    from churn.parsing import read_log  # noqa: PLC0415
    from training.job import train  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("models")
    train(read_log(spark.read.text(str(simulated_log))).persist(), folder, QUICK, lambda _: None)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Logs that are not part of this repository; tests that use them are skipped where they are absent."""
    folder = Path(os.environ.get("SPARKIFY_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared data are not there; name their folder in SPARKIFY_DATA")
    return folder


@pytest.fixture
def topic_prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def own_topics(servers: Servers, topic_prefix: str) -> Kafka:
    """Settings of a test's own topics, which are not there yet."""
    return Kafka(
        bootstrap=servers.bootstrap,
        events_topic=f"{topic_prefix}events",
        scores_topic=f"{topic_prefix}scores",
        dead_letters_topic=f"{topic_prefix}dead",
    )


@pytest.fixture
def kafka(own_topics: Kafka) -> Kafka:
    """Settings of a test's own topics, which are there."""
    topics.ensure(own_topics)
    return own_topics


@pytest.fixture
def redis_client(servers: Servers) -> Iterator[Any]:
    """A client of the session's server, emptied of data and functions before the test."""
    client = redis.Redis.from_url(servers.redis_url, decode_responses=True)
    client.flushall()
    client.function_flush()
    yield client
    client.close()
