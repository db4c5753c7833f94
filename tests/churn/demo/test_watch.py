"""A demo while it streams, on servers and programs that only pretend: what ends it, and how soon."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn.clock import wall_clock
from churn.demo import Plan, run
from churn.demo.figures import NOTHING
from churn.demo.traffic import Traffic
from churn.errors import ChurnError
from churn.jars import Jars
from churn.settings import Kafka, Settings
from churn.view import Books
from streaming.replay import Sent

MODULE = sys.modules["churn.demo.run"]  # the package has a function of that name


class Pretended:
    """Servers, programs and a sender in one: all is well until something is put into `wrong`."""

    bootstrap, url = "127.0.0.1:1", "redis://127.0.0.1:2/0"

    def __init__(self, *_: object) -> None:
        self.broker = self.valkey = self
        self.wrong: dict[str, Exception] = {}
        self.did: list[str] = []
        self.kafka: list[Kafka] = []

    def start(self, *what: str, **_: object) -> None:
        self.did.append(" ".join(what[:1]))

    def stop(self, timeout_s: float) -> None:
        self.did.append("stop")

    def port(self, _: str) -> int:
        return 3

    def finished(self, _: str) -> bool:
        return True

    def check(self) -> None:
        if "program" in self.wrong:
            raise self.wrong["program"]

    def require_alive(self) -> None:
        if "server" in self.wrong:
            raise self.wrong["server"]


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    everything = Pretended()
    for name in ("Servers", "Programs"):
        monkeypatch.setattr(MODULE, name, lambda *_: everything)
    seen = dataclasses.replace(NOTHING, sent=10, books=Books(events_opened=1))
    monkeypatch.setattr(MODULE, "look", lambda *_: seen)
    monkeypatch.setattr(MODULE, "opened", lambda _: ("churn_key", "link"))
    monkeypatch.setattr(MODULE, "_LOOK_S", 0.01)
    monkeypatch.setattr(MODULE, "traffic", lambda *_: _Given(Traffic(tmp_path, 0, iter(()), endless=True)))
    monkeypatch.setattr("churn.java.java_home", lambda _: tmp_path)
    monkeypatch.setattr("churn.java.release", lambda _: "21")
    monkeypatch.setattr("churn.jars.ensure", lambda *_: Jars(tmp_path, tmp_path))
    monkeypatch.setattr("churn.topics.ensure", everything.kafka.append)
    monkeypatch.setattr("churn.demo.sender.replay", lambda *_, **__: _raise(everything.wrong.get("traffic")))
    return everything


class _Given:
    def __init__(self, value: object) -> None:
        self._value = value

    def __enter__(self) -> object:
        return self._value

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


def going(var: Path, when_open: Callable[[threading.Event], None], seconds: float | None = None) -> dict[str, Any]:
    """Runs a demo; something happens once its page is open."""
    stopping = threading.Event()

    def say(line: str) -> None:
        if line.startswith("Open "):
            when_open(stopping)

    settings = Settings(var=var, kafka=Kafka(events_topic="their.events", replication=3))
    return run(Plan(users=150, seconds=seconds), settings, stopping, say)


@pytest.mark.parametrize("what", ["server", "program", "traffic"])
def test_whatever_fails_ends_it(pretended: Pretended, tmp_path: Path, what: str) -> None:
    failure = ChurnError(f"The {what} failed.")
    if what == "traffic":  # the thread begins only after the page is open
        pretended.wrong[what] = failure
    with pytest.raises(ChurnError) as caught:
        going(tmp_path / "var", lambda _: pretended.wrong.setdefault(what, failure))
    assert caught.value is failure
    assert pretended.did == ["", "serve", "stream", "publish", "deliver", "train", "stop", "stop"]
    assert not (tmp_path / "var" / "demo.json").exists()


def test_a_signal_is_not_kept_waiting_for_figures_that_add_up(pretended: Pretended, tmp_path: Path) -> None:
    began_s = time.monotonic()
    figures = going(tmp_path / "var", threading.Event.set)
    assert time.monotonic() - began_s < 2
    assert figures["events_sent"] == 10
    assert pretended.did[-2:] == ["stop", "stop"]


def test_without_a_signal_what_was_sent_gets_a_moment_to_arrive(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "_SETTLE_S", 0.4)
    began_s = time.monotonic()
    going(tmp_path / "var", lambda _: None, seconds=0.2)
    assert 0.6 <= time.monotonic() - began_s < 4


def test_a_signal_ends_that_moment(pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_SETTLE_S", 60.0)
    began_s = time.monotonic()
    going(tmp_path / "var", lambda stopping: threading.Timer(0.4, stopping.set).start(), seconds=0.2)
    assert time.monotonic() - began_s < 10


def test_what_it_announces_and_the_topics_it_makes(pretended: Pretended, tmp_path: Path) -> None:
    announced: list[dict[str, Any]] = []

    def read(stopping: threading.Event) -> None:
        announced.append(json.loads((tmp_path / "var" / "demo.json").read_text()))
        shell = f"set -a; . {tmp_path}/var/demo.env; env"
        led = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, env={})
        announced.append(dict(line.split("=", 1) for line in led.stdout.splitlines()))
        assert {(tmp_path / "var" / name).stat().st_mode & 0o777 for name in ("demo.json", "demo.env")} == {0o600}
        stopping.set()

    going(tmp_path / "var", read)
    assert announced[0].items() >= {"url": "http://127.0.0.1:3/", "kafka": pretended.bootstrap}.items()
    assert announced[0]["redis"] == pretended.url
    assert (
        announced[1].items()
        >= {
            "CHURN_REDIS__URL": pretended.url,
            "CHURN_KAFKA__BOOTSTRAP": pretended.bootstrap,
            "CHURN_API__PORT": "3",
            "CHURN_MODELS": str(tmp_path / "var" / "demo" / "models"),
            "CHURN_WEBHOOKS__HTTP_NETWORKS": '["127.0.0.0/8", "::1/128"]',
        }.items()
    )
    assert not list((tmp_path / "var").glob("demo.*"))
    [kafka] = pretended.kafka
    assert (kafka.events_topic, kafka.bootstrap, kafka.replication) == ("their.events", "127.0.0.1:1", 1)


def test_it_says_once_that_it_has_reached_the_present(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def caught_up(live: object, kafka: object, pace: object, sent: Sent, *_: object, **__: object) -> None:
        sent.ts = wall_clock() - MODULE.CAUGHT_UP_MS + 60_000

    seen = dataclasses.replace(NOTHING, sent=10, books=Books(events_opened=245_000))
    monkeypatch.setattr(MODULE, "look", lambda *_: seen)
    monkeypatch.setattr("churn.demo.sender.replay", caught_up)
    monkeypatch.setattr(MODULE, "_SETTLE_S", 0.0)
    said: list[str] = []
    run(Plan(users=150, seconds=0.5), Settings(var=tmp_path / "var"), threading.Event(), said.append)
    [told] = [line for line in said if "reached the present" in line]
    assert "4 events a minute" in told
