"""The programs of a demo as child processes: what is told of one that fails."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from churn.demo.programs import Programs
from churn.errors import ChurnError
from churn.server import free_port


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

    assert eventually(ended, 60)
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


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.servers
def test_a_server_whose_port_was_taken_in_between_listens_on_another(
    programs: Programs, taken: int, eventually: Callable[..., bool]
) -> None:
    chosen = iter([taken, free_port()])
    programs.start("serve", port=lambda: next(chosen))

    def answers() -> bool:
        programs.check()
        url = f"http://127.0.0.1:{programs.port('serve')}/healthz"
        with suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
        return False

    assert programs.port("serve") == taken
    assert eventually(answers, 30)
    assert programs.port("serve") != taken
    programs.stop(5)


@pytest.mark.servers
def test_metrics_whose_port_was_taken_are_served_on_another(
    programs: Programs, taken: int, eventually: Callable[..., bool]
) -> None:
    chosen = iter([taken, free_port()])
    programs.start("stream", "--wait", "60", port=lambda: next(chosen))

    def tried_again() -> bool:
        programs.check()
        return programs.port("stream") != taken

    assert eventually(tried_again, 30)
    programs.stop(0)


@pytest.mark.servers
def test_a_port_that_stays_taken_is_told(
    programs: Programs, taken: int, eventually: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn.demo.programs.ATTEMPTS", 2)
    asked: list[int] = []

    def same() -> int:
        asked.append(taken)
        return taken

    programs.start("serve", port=same)
    assert f"Port {taken} on 127.0.0.1 is taken by another program." in failed(programs, eventually)
    assert len(asked) == 2
