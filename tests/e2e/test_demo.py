"""The demo as a user runs it: one command, real servers, closing figures, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from churn.events import encode
from churn.settings import DAY_MS
from churn.simulator import Simulation
from churn.view import View

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
DAYS = 63


class Demo:
    """A running demo and what it said."""

    def __init__(self, var: Path, *arguments: str) -> None:
        self.var = var
        self.said = var.with_suffix(".err")
        command = [sys.executable, "-m", "churn.cli", "demo", "--json", "--var", str(var), *arguments]
        with self.said.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)
        self.seen: dict[int, psutil.Process] = {}

    def announced(self, timeout_s: float) -> dict[str, Any]:
        """`demo.json`, as soon as it is there."""
        deadline_s = time.monotonic() + timeout_s
        file = self.var / "demo.json"
        while not file.exists():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline_s, self.said.read_text()
            time.sleep(0.1)
        self.look()
        return dict(json.loads(file.read_text()))

    def look(self) -> None:
        """Remembers every process of the demo."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            self.seen[child.pid] = child

    def survivors(self) -> list[str]:
        return [
            " ".join(child.cmdline())[:80]
            for child in self.seen.values()
            if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        ]

    def end(self) -> None:
        self.process.kill() if self.process.poll() is None else None
        self.process.wait()


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    file = tmp_path / "log.json"
    lines = [encode(event) for event in Simulation(160, START_MS, START_MS + DAYS * DAY_MS).events()]
    middle = len(lines) * 5 // 6
    # Three events come twice, and one line is no event at all.
    file.write_bytes(
        b"\n".join([*lines[:middle], *lines[middle - 3 : middle], b'{"ts": "soon"}', *lines[middle:]]) + b"\n"
    )
    return file


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        demo.end()


def test_the_books_of_a_log_of_ones_own_balance(log_file: Path, tmp_path: Path, demos: list[Demo]) -> None:
    demo = Demo(tmp_path / "var", "--events", str(log_file), "--speed", "max")
    demos.append(demo)
    facts = demo.announced(240)
    rows = [json.loads(line) for line in log_file.read_bytes().splitlines()]
    users = {row["userId"] for row in rows if row.get("userId")}
    identities = {
        (row["userId"], row["sessionId"], row["itemInSession"], row["ts"]) for row in rows if row.get("userId")
    }
    view = View.connect(facts["redis"])
    _wait_for(lambda: view.books().events_scored + view.books().events_opened >= len(identities), 120, demo)
    assert sum(user.score.events for user in view.users(view.user_ids()) if user) == len(identities)
    with urllib.request.urlopen(f"{facts['url']}v1/users?limit=5") as answer:
        assert json.load(answer)["users"]

    demo.process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    out, _ = demo.process.communicate(timeout=30)
    assert time.monotonic() - began_s < 15
    assert demo.process.returncode == 0
    assert demo.survivors() == []
    assert not (demo.var / "demo.json").exists()

    figures = json.loads(out)
    assert figures["mode"] == "microbatch"
    assert figures["events_opened"] + figures["events_scored"] == len(identities)
    assert figures["users_scored"] == len(users)
    assert (figures["duplicates"], figures["dead_letters"], figures["late"]) == (3, 1, 0)
    counted = ("events_scored", "logged_out", "dead_letters", "duplicates", "late")
    assert sum(figures[name] for name in counted) == figures["events_sent"]
    assert figures["latency_ms"]["p50"] > 0
    assert figures["model_version"]


def test_simulated_listeners_are_scored_in_real_time_and_two_demos_do_not_meet(
    tmp_path: Path, demos: list[Demo]
) -> None:
    demo = Demo(tmp_path / "one", "--users", "150")
    demos.append(demo)
    facts = demo.announced(240)

    second = Demo(tmp_path / "one", "--users", "150")
    demos.append(second)
    assert second.process.wait(timeout=30) == 1
    assert "in use by another running program" in second.said.read_text()

    port = facts["url"].rsplit(":", 1)[1].strip("/")
    third = Demo(tmp_path / "two", "--users", "150", "--port", port)
    demos.append(third)
    assert third.process.wait(timeout=120) == 1
    assert f"Port {port} is taken" in third.said.read_text()

    view = View.connect(facts["redis"])
    _wait_for(lambda: view.books().events_scored > 50, 120, demo)
    os.kill(demo.process.pid, signal.SIGINT)
    out, _ = demo.process.communicate(timeout=15)
    figures = json.loads(out)
    assert figures["mode"] == "realtime"
    assert figures["events_scored"] > 50
    assert figures["late"] == 0
    assert demo.survivors() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "There is no file"),
        (b"no event\n", "holds no listening event"),
        (b"\x28\xb5\x2f\xfd broken", "is broken"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_sentence(
    content: bytes | None, reason: str, tmp_path: Path, demos: list[Demo]
) -> None:
    file = tmp_path / "log.json.zst"
    if content is not None:
        name = file if content.startswith(b"\x28") else file.with_suffix("")
        name.write_bytes(content)
        file = name
    demo = Demo(tmp_path / "var", "--events", str(file))
    demos.append(demo)
    out, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 1
    assert out == ""
    said = demo.said.read_text().splitlines()
    assert reason in said[-1]
    assert "Traceback" not in demo.said.read_text()


def _wait_for(holds: Any, timeout_s: float, demo: Demo) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert demo.process.poll() is None, demo.said.read_text()
        assert time.monotonic() < deadline_s, demo.said.read_text()
        time.sleep(0.2)
