"""What tests of every program share: real servers, started once, and names that no other test uses."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from churn import jars, java
from churn.embedded import Broker, Valkey
from churn.settings import PROJECT

MUST_RUN = ("servers", "spark")
"""Tests with these markers guard the real thing: one that could not run has guarded nothing, so it fails."""


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test session are."""

    bootstrap: str
    redis_url: str
    jars: jars.Jars
    java_home: Path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marked = [name for name in MUST_RUN if item.get_closest_marker(name)]
    if marked and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"A test marked {marked[0]} must not be skipped: {report.longrepr}"
    return report


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
    return java.java_home(PROJECT / ".jars")


@pytest.fixture(scope="session")
def installed_jars(java_home: Path) -> jars.Jars:
    return jars.ensure(PROJECT / ".jars", java_home / "bin" / "java", print)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, java_home: Path, installed_jars: jars.Jars) -> Iterator[Servers]:
    var = tmp_path_factory.mktemp("servers")
    with Broker(var, installed_jars, java_home) as broker, Valkey(var) as valkey:
        yield Servers(broker.bootstrap, valkey.url, installed_jars, java_home)


@pytest.fixture
def topic_prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def redis_client(servers: Servers) -> Iterator[Any]:
    """A client of the session's server, emptied of data and functions before the test."""
    client = redis.Redis.from_url(servers.redis_url, decode_responses=True)
    client.flushall()
    client.function_flush()
    yield client
    client.close()
