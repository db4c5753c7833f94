"""What programs do when they are asked to end."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from churn.signals import ending_in_order, until_signal

ASKED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
UNPACKING = """
import sys, time
from pathlib import Path
from churn.signals import ending_in_order
from churn.unpacked import plain
with ending_in_order(), plain(Path(sys.argv[1]), Path(sys.argv[2])):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ASKED}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have started them with nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    (tmp_path / "log.json.gz").write_bytes(gzip.compress(b"{}\n"))
    return tmp_path / "log.json.gz"


@pytest.mark.parametrize("number", ASKED)
def test_a_program_that_is_ended_leaves_nothing_unpacked(tmp_path: Path, packed: Path, number: signal.Signals) -> None:
    var = tmp_path / "var"
    with subprocess.Popen([sys.executable, "-c", UNPACKING, packed, var], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        assert len(list(var.iterdir())) == 1
        program.send_signal(number)
    assert program.returncode == 128 + number
    assert list(var.iterdir()) == []


def test_what_is_started_with_nohup_outlives_its_terminal(tmp_path: Path, packed: Path) -> None:
    command = ["nohup", sys.executable, "-c", UNPACKING, packed, tmp_path / "var"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        program.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.3)
        program.send_signal(signal.SIGTERM)
    assert program.returncode == 128 + signal.SIGTERM


def test_a_second_signal_ends_a_program_that_takes_its_time() -> None:
    code = "import time; from churn.signals import ending_in_order\nwith ending_in_order():\n"
    code += " try: print('up', flush=True); time.sleep(60)\n finally: print('ending', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        for said in (b"up\n", b"ending\n"):
            assert program.stdout.readline() == said
            program.send_signal(signal.SIGTERM)
    assert program.returncode == -signal.SIGTERM


STARTING = """
import subprocess, time
from churn import signals
signals._CHILDREN_S = 0.3
with signals.ending_in_order():
    child = subprocess.Popen(["sh", "-c", "{trap}; echo $$; while :; do sleep 0.1; done"])
    try:
        time.sleep(60)
    finally:
        {ending}
"""


@pytest.mark.parametrize(
    ("trap", "ending"),
    [
        ("true", "pass"),
        ("true", "child.wait()"),  # as a call into a JVM waits for the one before it
        ("trap '' TERM", "pass"),
    ],
)
def test_a_program_that_is_ended_leaves_no_process(trap: str, ending: str) -> None:
    code = STARTING.format(trap=trap, ending=ending)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        child = psutil.Process(int(program.stdout.readline()))
        program.terminate()
        assert program.wait(10) == 128 + signal.SIGTERM
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_goes_wrong_while_a_program_is_ended_is_not_told() -> None:
    code = "import time; from churn.signals import ending_in_order\nwith ending_in_order():\n"
    code += " try: print('up', flush=True); time.sleep(60)\n finally: 1 / 0"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        program.terminate()
        assert program.communicate()[1] == b""
    assert program.returncode == 128 + signal.SIGTERM


def test_what_goes_wrong_otherwise_is() -> None:
    with pytest.raises(ZeroDivisionError), ending_in_order():
        raise ZeroDivisionError


def test_the_commands_end_in_order(eventually: Callable[..., bool], tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    command = [sys.executable, "-m", "churn.cli", "simulate", "--users", "5000", "--out", file]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
        assert eventually(file.exists, 20)
        program.terminate()
    assert program.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", ASKED)
def test_a_long_running_program_is_told(number: signal.Signals) -> None:
    stopping = until_signal()
    assert not stopping.is_set()
    os.kill(os.getpid(), number)
    assert stopping.wait(5)
