"""A demo that is told to end before anything is trained, and what is found of one that was killed. No server starts."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from churn import event_log, unpacked
from churn.demo import Plan, run
from churn.demo import traffic as demo_traffic
from churn.errors import ChurnError
from churn.jars import Jars
from churn.settings import DAY_MS, Settings

START_MS = 1_538_352_000_000
MODULE = sys.modules["churn.demo.run"]  # the package has a function of that name


class Servers:
    """Servers that would start for a minute."""

    def __init__(self, _folder: Path, _found: Jars, _home: Path, check: Callable[[], None]) -> None:
        self._check = check
        self.stopped = False

    def start(self) -> None:
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            self._check()
            time.sleep(0.01)

    def stop(self, timeout_s: float) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def _nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "Servers", Servers)
    monkeypatch.setattr(demo_traffic, "STRIDE", 1000)
    monkeypatch.setattr(MODULE, "Programs", lambda *_: pytest.fail("a program was started"))
    monkeypatch.setattr("churn.java.java_home", lambda _: tmp_path)
    monkeypatch.setattr("churn.java.release", lambda _: "21")
    monkeypatch.setattr("churn.jars.ensure", lambda *_: Jars(tmp_path, tmp_path))
    monkeypatch.setattr("churn.bundle.load", lambda _: (_ for _ in ()).throw(ChurnError("There is no model.")))


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    lines = [json.dumps({"ts": START_MS + n * DAY_MS // 10, "userId": "7"}).encode() + b"\n" for n in range(100)]
    file = tmp_path / "log.json.gz"
    file.write_bytes(gzip.compress(b"".join(lines)))
    return file


def stopped_at(word: str, plan: Plan, var: Path) -> list[str]:
    """Runs a demo to which a signal comes as soon as it says something with a word in it."""
    stopping, said = threading.Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        if word in line:
            stopping.set()

    began_s = time.monotonic()
    figures = run(plan, Settings(var=var), stopping, say)
    assert time.monotonic() - began_s < 5
    assert (figures["events_sent"], figures["model_version"], figures["mode"]) == (0, "", plan.mode)
    *before, last = said
    assert last == "Everything has ended: 0 events sent, 0 of them scored, 0 users, 0 alerts."
    return before


def test_a_signal_ends_the_survey_of_a_log(tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_STRIDE", 10)
    said = stopped_at("Read 20 rows", Plan(events=log_file), tmp_path / "var")
    assert said[-1] == "Read 20 rows."


def test_a_signal_ends_unpacking(tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "_STRIDE_BYTES", 200)
    monkeypatch.setattr(unpacked, "_CHUNK", 100)
    said = stopped_at("Unpacked", Plan(events=log_file), tmp_path / "var")
    assert [line for line in said if line.startswith("Unpacked")] == said[-1:]
    assert not list((tmp_path / "var").rglob("unpacked*"))


def test_a_signal_ends_the_simulation(tmp_path: Path) -> None:
    said = stopped_at("Simulated 2,000", Plan(users=150), tmp_path / "var")
    assert said[-1] == "Simulated 2,000 events."


def test_a_signal_ends_the_download_of_the_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def downloading(_jars: Path, _java: Path, progress: Callable[[str], None]) -> None:
        for count in range(1, 600):
            progress(f"Downloading … {count} jars")
            time.sleep(0.01)

    monkeypatch.setattr("churn.jars.ensure", downloading)
    said = stopped_at("3 jars", Plan(users=150), tmp_path / "var")
    assert said[-1] == "Downloading … 3 jars"


def test_the_time_may_be_over_before_anything_is_trained(tmp_path: Path) -> None:
    figures = run(Plan(users=150, seconds=0.3), Settings(var=tmp_path / "var"), threading.Event(), lambda _: None)
    assert figures["elapsed_s"] < 5


def test_what_a_killed_demo_announced_is_gone(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    (var / "demo.json").write_text('{"pid": 1}')
    (var / "demo.env").write_text("CHURN_API__PORT=1")
    stopped_at("Simulating", Plan(users=150), var)
    assert not list(var.glob("demo.*"))


def test_a_folder_that_no_demo_made_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "demo" / "photos").mkdir(parents=True)
    with pytest.raises(ChurnError, match="var/demo was not made by a demo"):
        run(Plan(users=150), Settings(var=var), threading.Event(), lambda _: None)
    assert (var / "demo" / "photos").exists()


# A child that starts a program of its own; the demo that started it is killed.
STARTS = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
KILLED = f"""
import sys, time
from pathlib import Path
from churn.child import Child
from churn.demo import data
Path(sys.argv[1]).parent.mkdir()
data.empty(Path(sys.argv[1]))
child = Child("stream", [sys.executable, "-c", {STARTS!r}], Path(sys.argv[1])).start()
while not child.tail():
    time.sleep(0.01)
print(child.tail(), flush=True)
time.sleep(60)
"""


def test_a_demo_waits_for_what_a_killed_one_had_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    var = tmp_path / "var"
    with subprocess.Popen([sys.executable, "-c", KILLED, var / "demo"], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        left = int(killed.stdout.readline())
        killed.kill()
    kept = var / "demo" / "logs" / "stream.log"
    monkeypatch.setattr(MODULE, "_HANDOVER_S", 0.3)
    with pytest.raises(ChurnError, match=r"still write into .*demo\. End them"):
        run(Plan(users=150), Settings(var=var), threading.Event(), lambda _: None)
    assert kept.exists()

    monkeypatch.setattr(MODULE, "_HANDOVER_S", 20)
    threading.Timer(0.3, os.kill, (left, signal.SIGKILL)).start()
    stopped_at("Simulating", Plan(users=150), var)
    assert not kept.exists()


def test_a_demo_whose_time_is_over_before_the_first_score_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    figures = run(Plan(users=150, seconds=0.2), Settings(var=tmp_path / "var"), threading.Event(), said.append)
    assert figures["events_scored"] == 0
    assert said[-2] == "The time was over before the first score: the model has to be made first."
