"""The supervisor's decisions, with queries, lag and models that are played. The real ones: tests/e2e/test_modes.py."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from churn import metrics
from churn.bundle import Bundle
from churn.errors import ChurnError
from churn.settings import Mode
from streaming.modes import PATIENCE_S, AutoMode
from streaming.supervisor import LETTERS_WAIT_S, Starting, Supervisor


@dataclass
class Query:
    name: str
    how: tuple[str, str]
    isActive: bool = True  # noqa: N815 (pyspark's name)
    told: str = ""

    def exception(self) -> str:
        return self.told

    def fail(self, told: str) -> None:
        self.isActive, self.told = False, told

    def stop(self) -> None:
        self.isActive = False


@dataclass
class Stage:
    """Everything around the supervisor."""

    lag: int = 0
    chosen: Any = None
    rows: int = 0
    batch: int = -1
    unloadable: bool = False
    prepared: list[str] = field(default_factory=list)
    started: list[Query] = field(default_factory=list)

    def supervisor(self, mode: Mode = "auto") -> Supervisor:
        def load(model: Any) -> Any:
            if self.unloadable:
                raise RuntimeError("no such stage\nand a long trace")
            return f"scorer of {model.version}"

        def scores(running: str, scorer: Any, model: Any) -> Any:
            assert scorer == f"scorer of {model.version}"
            self.started.append(Query("scores", (running, model.version)))
            return self.started[-1]

        def letters() -> Any:
            self.started.append(Query("dead-letters", ("", "")))
            return self.started[-1]

        def look() -> Any:
            found, self.chosen = self.chosen, None
            return found

        progress = SimpleNamespace(
            note=lambda _: None, publish=lambda: self.rows, completed=lambda _: self.batch, mode=""
        )
        return Supervisor(
            Starting(self.prepared.append, load, scores, letters),
            model("m1"),
            mode,
            AutoMode(live_lag=100, backlog_lag=1000),
            cast(Any, SimpleNamespace(look=lambda *_: self.lag)),
            cast(Any, progress),
            cast(Any, SimpleNamespace(look=look)),
        )

    def running(self, name: str = "scores") -> Query:
        [one] = [query for query in self.started if query.name == name and query.isActive]
        return one

    def starts(self, name: str = "scores") -> int:
        return sum(query.name == name for query in self.started)


def model(version: str) -> Bundle:
    return cast(Bundle, SimpleNamespace(version=version))


def begun(stage: Stage, mode: Mode = "auto") -> Supervisor:
    """A supervisor that has started its queries."""
    found = stage.supervisor(mode)
    found.begin()
    return found


def counted(name: str, **labels: str) -> float:
    return metrics.STREAM.get_sample_value(name, labels) or 0.0


def test_a_backlog_is_caught_up_in_micro_batches_and_then_it_is_live() -> None:
    stage = Stage(lag=5000)
    before = counted("churn_stream_starts_total", reason="live")
    supervisor = begun(stage)
    assert stage.running().how == ("microbatch", "m1")
    supervisor.look(1)
    assert stage.starts() == 1
    stage.lag = 90
    supervisor.look(2)
    assert (stage.running().how, stage.starts(), stage.starts("dead-letters")) == (("realtime", "m1"), 2, 1)
    assert counted("churn_stream_starts_total", reason="live") - before == 1
    assert [counted("churn_stream_mode", mode=mode) for mode in ("realtime", "microbatch")] == [1, 0]
    stage.lag = 3000
    for second in (3, 4 + PATIENCE_S):
        supervisor.look(second)
    assert stage.running().how == ("microbatch", "m1")


@pytest.mark.parametrize("mode", ["auto", "realtime", "microbatch"])
def test_dead_letters_wait_until_a_backlog_is_scored(mode: Mode) -> None:
    stage = Stage(lag=5000)
    supervisor = begun(stage, mode)
    stage.lag = 101
    supervisor.look(1)
    assert stage.starts("dead-letters") == 0
    stage.lag = 100
    supervisor.look(2)
    assert stage.running("dead-letters").isActive
    stage.lag = 1000
    supervisor.look(3)
    assert stage.running("dead-letters").isActive
    stage.lag = 1001
    supervisor.look(4)
    assert not any(query.isActive for query in stage.started if query.name == "dead-letters")
    stage.lag = 0
    supervisor.look(5)
    assert (stage.starts("dead-letters"), stage.running("dead-letters").isActive) == (2, True)


def test_dead_letters_do_not_wait_for_ever_where_some_events_always_wait() -> None:
    stage = Stage(lag=101)
    supervisor = begun(stage, "microbatch")
    supervisor.look(1)
    supervisor.look(LETTERS_WAIT_S + 0.9)
    assert stage.starts("dead-letters") == 0
    stage.lag = 1001
    supervisor.look(LETTERS_WAIT_S + 1)
    stage.lag = 101
    supervisor.look(2 * LETTERS_WAIT_S + 0.9)
    assert stage.starts("dead-letters") == 0
    supervisor.look(2 * LETTERS_WAIT_S + 1)
    assert stage.running("dead-letters").isActive


@pytest.mark.parametrize(("lag", "mode"), [(100, "realtime"), (101, "microbatch")])
def test_a_start_prepares_the_mode_that_it_begins_with(lag: int, mode: str) -> None:
    stage = Stage(lag=lag)
    begun(stage)
    assert (stage.prepared, stage.running().how[0]) == ([mode], mode)


@pytest.mark.parametrize("mode", ["realtime", "microbatch"])
def test_a_mode_that_was_asked_for_is_kept(mode: Mode) -> None:
    stage = Stage(lag=50_000)
    supervisor = begun(stage, mode)
    for second in range(40):
        stage.lag = 0 if second > 20 else 50_000
        supervisor.look(second)
    assert (stage.running().how[0], stage.starts()) == (mode, 1)


def test_another_model_scores_from_now_on() -> None:
    stage = Stage()
    supervisor = begun(stage)
    stage.chosen = model("m2")
    supervisor.look(1)
    assert (stage.running().how, stage.starts("dead-letters")) == (("realtime", "m2"), 1)
    assert counted("churn_stream_model", model="m2") == 1
    assert counted("churn_stream_model", model="m1") == 0
    supervisor.look(2)
    assert stage.starts() == 2


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_running() -> None:
    stage = Stage()
    supervisor = begun(stage)
    stage.chosen, stage.unloadable = model("m2"), True
    supervisor.look(1)
    assert (stage.running().how, stage.starts()) == (("realtime", "m1"), 1)
    stage.running().fail("TimeoutException")
    supervisor.look(2)
    supervisor.look(4)
    assert stage.running().how == ("realtime", "m1")


def test_a_query_that_failed_is_started_again_after_a_while_and_alone() -> None:
    stage = Stage()
    supervisor = begun(stage)
    stage.running().fail("TimeoutException: a broker")
    supervisor.look(10)
    supervisor.look(10.9)
    assert (stage.starts(), stage.running("dead-letters").isActive) == (1, True)
    supervisor.look(11)
    assert (stage.running().how, stage.starts(), stage.starts("dead-letters")) == (("realtime", "m1"), 2, 1)
    stage.running("dead-letters").fail("TimeoutException: a broker")
    for second in (12, 13):
        supervisor.look(second)
    assert (stage.starts(), stage.starts("dead-letters")) == (2, 2)


def test_while_it_waits_to_be_started_again_a_swap_waits_too() -> None:
    stage = Stage()
    supervisor = begun(stage)
    stage.running().fail("TimeoutException")
    supervisor.look(10)
    stage.chosen, stage.lag = model("m2"), 50_000
    supervisor.look(10.5)
    assert stage.starts() == 1
    supervisor.look(11)
    assert stage.running().how == ("realtime", "m2")


def test_who_fails_for_ever_ends_it() -> None:
    stage = Stage()
    supervisor = begun(stage)
    for second in (10, 20):
        stage.running().fail("an odd one")
        supervisor.look(second)
        supervisor.look(second + 5)
    stage.running().fail("an odd one")
    with pytest.raises(ChurnError, match="failed 3 times at the same place: an odd one"):
        supervisor.look(30)
    assert stage.starts() == 3


def test_at_its_end_both_queries_are_stopped() -> None:
    stage, stopping = Stage(), threading.Event()
    stopping.set()
    stage.supervisor().run(stopping)
    assert [query.isActive for query in stage.started] == [False, False]
