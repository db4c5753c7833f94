"""`churn train --openings` and `churn bootstrap`: when balances are opened, and which cuts are refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from churn import cli, events, log_commands
from churn.errors import ChurnError
from streaming.open_balances import Opened


class Log:
    """A log of which only the cut is asked."""

    def __getitem__(self, _name: str) -> int:
        return 0

    def where(self, _condition: object) -> Log:
        return self


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the programs behind the commands were asked to do, in order."""
    asked: list[str] = []

    @contextmanager
    def history(*_: object) -> Iterator[Any]:
        asked.append("open the log")
        yield SimpleNamespace(events=Log(), lines=None)

    def train(*_: object) -> Any:
        asked.append("train")
        return SimpleNamespace(version="v1", path=Path("models/v1"))

    def send(*_: object) -> Opened:
        asked.append("send openings")
        return Opened(3, 40)

    monkeypatch.setattr(log_commands, "_history", history)
    monkeypatch.setattr("training.job.train", train)
    monkeypatch.setattr("churn.history.log_files", lambda paths: [])
    monkeypatch.setattr("streaming.bootstrap.keep", lambda *_: asked.append("sum"))
    monkeypatch.setattr("streaming.open_balances.open_balances", send)
    monkeypatch.setattr("churn.topics.ensure", lambda _: asked.append("look at Kafka"))
    monkeypatch.setattr("churn.forgotten.known", lambda _: SimpleNamespace(holds=lambda _: False))
    return asked


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


TRAIN = ("train", "--events", "log.json", "--openings", "--until")
BOOTSTRAP = ("bootstrap", "log.json", "--until")


def test_balances_are_opened_after_the_training(done: list[str]) -> None:
    said = run(*TRAIN, "2018-11-12")
    assert said.exit_code == 0
    assert done == ["open the log", "look at Kafka", "train", "sum", "send openings"]
    assert said.stderr.index("is the current one") < said.stderr.index("Opened 3 balances that hold 40 events.")


def test_a_training_that_fails_opens_no_balance(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ChurnError("The log spans 3 days.")

    monkeypatch.setattr("training.job.train", fail)
    assert isinstance(run(*TRAIN, "2018-11-12").exception, ChurnError)
    assert "send openings" not in done


def test_without_openings_nobody_asks_kafka(done: list[str]) -> None:
    assert run("train", "--events", "log.json").exit_code == 0
    assert done == ["open the log", "train"]


def written(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("command", [TRAIN, BOOTSTRAP])
@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (lambda: written(events.TS_MIN_MS - 1), "The cut lies outside the years 2017 to 2030"),
        (lambda: written(events.TS_MAX_MS), "The cut lies outside the years 2017 to 2030"),
        (lambda: written(time.time() * 1000 + events.AHEAD_MS + 60_000), "The cut lies in the future"),
    ],
)
def test_a_cut_of_which_the_stream_would_take_no_balance_is_refused_at_once(
    done: list[str], command: tuple[str, ...], cut: Callable[[], str], words: str
) -> None:
    said = run(*command, cut())
    assert isinstance(said.exception, ChurnError)
    assert words in str(said.exception)
    assert done == []


@pytest.mark.parametrize("command", [TRAIN, BOOTSTRAP])
@pytest.mark.parametrize("cut", [lambda: written(events.TS_MIN_MS), lambda: written(time.time() * 1000)])
def test_the_first_and_the_last_cut_that_the_stream_takes(
    done: list[str], command: tuple[str, ...], cut: Callable[[], str]
) -> None:
    assert run(*command, cut()).exit_code == 0
    assert done[-1] == "send openings"


def test_no_balance_at_all_is_told(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.open_balances.open_balances", lambda *_: Opened())
    said = run(*BOOTSTRAP, "2018-11-12")
    assert isinstance(said.exception, ChurnError)
    assert "No event of a user lies before the cut" in str(said.exception)
