from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark import SparkContext

from streaming import ending
from streaming.ending import end, within


def test_work_that_is_done_in_time_is_done() -> None:
    done: list[int] = []
    assert within(5, lambda: done.append(1))
    assert done == [1]


def test_work_that_hangs_is_left_to_itself() -> None:
    hangs = threading.Event()
    began_s = time.monotonic()
    assert not within(0.05, lambda: hangs.wait(30))
    assert time.monotonic() - began_s < 5
    hangs.set()


def test_a_jvm_that_is_gone_is_ended_already() -> None:
    def gone() -> None:
        raise Py4JNetworkError("Answer from Java side is empty")

    assert within(5, gone)


@pytest.mark.parametrize("hangs", [False, True])
def test_spark_is_killed_only_when_it_hangs(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    ever, killed = threading.Event(), list[int]()
    process = SimpleNamespace(kill=lambda: killed.append(1))
    monkeypatch.setattr(SparkContext, "_gateway", SimpleNamespace(proc=process))
    monkeypatch.setattr(ending, "PATIENCE_S", 0.05)
    session: Any = SimpleNamespace(stop=lambda: ever.wait(30) if hangs else None)
    end(session)
    assert killed == [1] * hangs
    ever.set()
