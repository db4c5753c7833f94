"""The programs of a demo as child processes: what is told of one that fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from churn.demo.programs import Programs
from churn.errors import ChurnError


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path, {}, lambda line: None)


def failed(programs: Programs, eventually: Callable[..., bool]) -> str:
    told: list[str] = []

    def ended() -> bool:
        try:
            programs.check()
        except ChurnError as error:
            told.append(str(error))
        return bool(told)

    assert eventually(ended, 20)
    return told[0]


def test_a_program_that_fails_is_told_in_its_own_words(programs: Programs, eventually: Callable[..., bool]) -> None:
    programs.start("simulate", "--start", "noon")
    assert "`churn simulate` failed: noon is not a time." in failed(programs, eventually)


def test_a_program_that_is_killed_is_told_by_the_signal(programs: Programs, eventually: Callable[..., bool]) -> None:
    programs.start("simulate", "--users", "5000", "--days", "60", "--out", "/dev/null")
    pid = programs._children["simulate"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert "`churn simulate` failed: it was ended by SIGKILL." in failed(programs, eventually)
    programs.stop(5)


def test_a_program_that_ends_well_is_finished(programs: Programs, eventually: Callable[..., bool]) -> None:
    programs.start("simulate", "--users", "1", "--days", "0.01", "--out", "/dev/null")
    assert not programs.finished("simulate")
    assert eventually(lambda: programs.finished("simulate"), 20)
