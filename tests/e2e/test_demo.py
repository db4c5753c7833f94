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

from churn.demo.figures import scrape
from churn.events import encode
from churn.settings import DAY_MS
from churn.simulator import Simulation
from churn.view import View

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
DAYS = 63


class Demo:
    """A running demo and what it said."""

    def __init__(self, var: Path, *arguments: str, **environment: str) -> None:
        self.var = var
        self.said = var.with_suffix(".err")
        command = [sys.executable, "-m", "churn.cli", "demo", "--json", "--var", str(var), *arguments]
        with self.said.open("wb") as err:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=err, text=True, env={**os.environ, **environment}
            )
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

    def stream_port(self) -> int:
        """Where its stream serves metrics."""
        children = psutil.Process(self.process.pid).children()
        [stream] = [child for child in children if "stream" in child.cmdline()]
        return int(stream.environ()["CHURN_STREAM__METRICS_PORT"])

    def ended(self, number: signal.Signals) -> dict[str, Any]:
        """The closing figures, once it has ended in time and left nothing behind."""
        self.look()
        self.process.send_signal(number)
        began_s = time.monotonic()
        out, _ = self.process.communicate(timeout=30)
        assert time.monotonic() - began_s < 15
        assert self.process.returncode == 0, self.said.read_text()
        assert self.survivors() == []
        assert not (self.var / "demo.json").exists()
        return dict(json.loads(out))

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
    # Three events come twice, one line is no event at all, and one clock told seconds.
    seconds = b'{"ts": %d, "userId": "", "page": "Home"}' % (START_MS // 1000)
    disturbed = [seconds, *lines[:middle], *lines[middle - 3 : middle], b'{"ts": "soon"}', *lines[middle:]]
    file.write_bytes(b"\n".join(disturbed) + b"\n")
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
    facts = demo.announced(480)
    rows = [json.loads(line) for line in log_file.read_bytes().splitlines()]
    users = {row["userId"] for row in rows if row.get("userId")}
    identities = {
        (row["userId"], row["sessionId"], row["itemInSession"], row["ts"]) for row in rows if row.get("userId")
    }
    view = View.connect(facts["redis"])
    _wait_for(lambda: view.books().events_scored + view.books().events_opened >= len(identities), 120, demo)
    assert sum(user.score.events for user in view.users(view.user_ids()) if user) == len(identities)
    assert _users(facts, 5)

    # What became no score is counted at the end of a batch, and nobody who sends a signal is kept waiting for that.
    port = demo.stream_port()
    due = {
        ("churn_stream_dropped", "duplicate"): 3,
        ("churn_stream_records_total", "dead"): 2,
        ("churn_stream_records_total", "logged_out"): _logged_out_live(rows),
    }
    _wait_for(lambda: due.items() <= scrape(port).items(), 60, demo)

    figures = demo.ended(signal.SIGTERM)
    assert figures["mode"] == "microbatch"
    assert figures["events_opened"] + figures["events_scored"] == len(identities)
    assert figures["users_scored"] == len(users)
    assert (figures["duplicates"], figures["dead_letters"], figures["late"]) == (3, 2, 0)
    counted = ("events_scored", "logged_out", "dead_letters", "duplicates", "late")
    assert sum(figures[name] for name in counted) == figures["events_sent"]
    assert figures["latency_ms"]["p50"] > 0
    assert figures["model_version"]


def _logged_out_live(rows: list[dict[str, Any]]) -> int:
    """Events of nobody in the last third of the log's time."""
    valid = [row for row in rows if isinstance(row["ts"], int) and row["ts"] >= START_MS]
    times = [row["ts"] for row in valid]
    cut_ms = min(times) + (max(times) - min(times)) * 2 / 3
    return sum(not row.get("userId") and row["ts"] > cut_ms for row in valid)


def test_two_demos_started_together_both_score_and_do_not_meet(
    log_file: Path, tmp_path: Path, demos: list[Demo]
) -> None:
    one = Demo(tmp_path / "one", "--users", "150")
    # In small batches, so that most of the log still waits when it is told to end; and with settings of another system.
    arguments = ("--events", str(log_file), "--speed", "max")
    foreign = {"CHURN_KAFKA__EVENTS_TOPIC": "their.events", "CHURN_KAFKA__REPLICATION": "3"}
    two = Demo(tmp_path / "two", *arguments, CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER="500", **foreign)
    demos += [one, two]
    facts = [demo.announced(600) for demo in demos]
    views = [View.connect(fact["redis"]) for fact in facts]
    for demo, view in zip(demos, views, strict=True):
        _wait_for(lambda view=view: view.books().events_scored > 50, 120, demo)
    assert len({fact[name] for fact in facts for name in ("url", "kafka", "redis")}) == 6
    assert [_years(fact) == {"2018"} for fact in facts] == [False, True]

    figures = two.ended(signal.SIGTERM)
    assert 50 < figures["events_scored"] < figures["events_sent"] / 2, "it was told to end too late"

    in_the_same_folder = Demo(tmp_path / "one", "--users", "150")
    port = facts[0]["url"].rsplit(":", 1)[1].strip("/")
    at_the_same_port = Demo(tmp_path / "three", "--users", "150", "--port", port)
    demos += [in_the_same_folder, at_the_same_port]
    for demo, words in ((in_the_same_folder, "in use by another running"), (at_the_same_port, f"Port {port} is taken")):
        assert demo.process.wait(timeout=60) == 1
        assert words in demo.said.read_text()

    figures = one.ended(signal.SIGINT)
    assert figures["mode"] == "realtime"
    assert figures["events_scored"] > 50
    assert figures["late"] == 0


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


def _users(facts: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Users of a demo, as its API tells of them."""
    headers = {"Authorization": f"Bearer {facts['api_key']}"}
    request = urllib.request.Request(f"{facts['url']}v1/users?limit={limit}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        users: list[dict[str, Any]] = json.load(answer)["users"]
    return users


def _years(facts: dict[str, Any]) -> set[str]:
    """In which years the users of a demo were last scored."""
    return {user["as_of"][:4] for user in _users(facts, 500)}
