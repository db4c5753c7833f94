"""The settings of a demo, as its programs read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn import settings as configuration
from churn.demo import Plan
from churn.demo.environment import PORT_VARIABLES, own_kafka, variables


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> configuration.Settings:
    """What a program of a demo reads, where the settings are those of another system."""
    for name, value in {
        "CHURN_KAFKA__BOOTSTRAP": "kafka.example:9092",
        "CHURN_KAFKA__EVENTS_TOPIC": "their.events",
        "CHURN_KAFKA__REPLICATION": "3",
        "CHURN_REDIS__URL": "redis://redis.example:6379/0",
        "CHURN_API__HOST": "0.0.0.0",  # noqa: S104 (what a demo must not heed)
    }.items():
        monkeypatch.setenv(name, value)
    outer = configuration.load()
    own = variables(Plan(mode="microbatch"), outer, tmp_path / "demo", "127.0.0.1:1", "redis://127.0.0.1:2/0")
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    inner = configuration.load()
    assert own_kafka(outer, "127.0.0.1:1") == inner.kafka
    return inner


def test_the_topics_are_those_of_the_settings_on_a_broker_of_its_own(read: configuration.Settings) -> None:
    assert (read.kafka.events_topic, read.kafka.bootstrap, read.kafka.replication) == ("their.events", "127.0.0.1:1", 1)


def test_nothing_of_it_is_elsewhere(read: configuration.Settings, tmp_path: Path) -> None:
    assert read.redis.url == "redis://127.0.0.1:2/0"
    assert {read.var, read.models.parent, read.stream.checkpoint.parent} == {tmp_path / "demo"}
    assert read.stream.mode == "microbatch"


def test_a_demo_never_listens_for_other_machines(read: configuration.Settings) -> None:
    assert read.api.host == "127.0.0.1"


def test_every_port_has_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PORT_VARIABLES.values():
        monkeypatch.setenv(name, "4711")
    read = configuration.load()
    ports = read.stream.metrics_port, read.publish.metrics_port, read.webhooks.metrics_port, read.api.port
    assert ports == (4711,) * 4
