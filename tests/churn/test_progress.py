"""A long job says how far it is; a short one says nothing."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from churn.progress import progress


class Spark:
    """Stages as Spark's status tracker tells of them."""

    def __init__(self, *stages: tuple[int, int]) -> None:
        self._stages = [SimpleNamespace(numCompletedTasks=done, numTasks=tasks) for done, tasks in stages]
        self.sparkContext = SimpleNamespace(statusTracker=lambda: self)
        self.asked = threading.Event()

    def getActiveStageIds(self) -> list[int]:  # noqa: N802 (Spark's name)
        """Of every stage."""
        return list(range(len(self._stages)))

    def getStageInfo(self, stage: int) -> Any:  # noqa: N802 (Spark's name)
        """Of one; after the last, it has been asked for everything."""
        if stage == len(self._stages) - 1:
            self.asked.set()
        return self._stages[stage]


def said(spark: Any) -> list[str]:
    lines: list[str] = []
    with progress(spark, lines.append, every_s=0.001):
        assert spark.asked.wait(10)
    return lines


def test_tasks_done_are_told_once() -> None:
    assert said(Spark((3, 96), (0, 1))) == ["Spark is at work: 3 of 96 tasks."]


def test_a_stage_of_a_task_or_two_is_not_told() -> None:
    assert said(Spark((0, 1), (1, 2))) == []


def test_a_jvm_that_is_gone_is_left_to_others_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Spark):
        def getActiveStageIds(self) -> list[int]:  # noqa: N802 (Spark's name)
            self.asked.set()
            raise ConnectionRefusedError

    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    assert said(Gone()) == []
    assert told == []
