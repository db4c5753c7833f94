"""Throughput of the whole system while it works off a backlog: events per second that become readable in Redis.

Kafka, Valkey, `churn stream` and `churn publish` run on fresh servers; the backlog waits on the events topic when they
start. A first part of it warms the stream up and is not counted. One line per run.

Examples: python benchmarks/backlog.py
          python benchmarks/backlog.py --mode realtime --java=-XX:+DontCompileHugeMethods
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from churn import jars, java, topics
from churn.child import Child
from churn.demo.traffic import HISTORY_DAYS
from churn.embedded import Broker, Valkey
from churn.errors import ChurnError
from churn.events import encode
from churn.settings import DAY_MS, PROJECT, Kafka
from churn.simulator import Simulation
from churn.view import View
from streaming.pace import Pace
from streaming.replay import Sent, replay

START_MS = 1_538_352_000_000  # 1 October 2018, where the real log begins
WARM_UP = 0.4
LIMIT_S = 900.0


def main() -> None:
    """Prints one line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--users", type=int, default=600, help="simulated listeners, over six weeks")
    parser.add_argument("--mode", choices=("microbatch", "realtime"), default="microbatch")
    parser.add_argument("--java", default="", help="options that override the stream's own, as one argument")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, models = Path(folder) / "log.json", Path(folder) / "models"
        simulated = Simulation(options.users, START_MS, START_MS + HISTORY_DAYS * DAY_MS)
        with log.open("wb") as file:
            file.writelines(encode(event) + b"\n" for event in simulated.events())
        train(log, models, Path(folder))
        for run in range(1, options.runs + 1):
            with tempfile.TemporaryDirectory() as var:
                events, took_s, first_s = measure(log, models, Path(var), options.mode, options.java)
            print(
                f"run {run}, {options.mode} {options.java}: {events / took_s:,.0f} events/s over the last {events:,}; "
                f"first score after {first_s:.0f} s",
                flush=True,
            )


def train(log: Path, models: Path, var: Path) -> None:
    """A model of the log itself: what it is worth does not matter here."""
    command = [sys.executable, "-m", "churn.cli", "train", "--events", log, "--out", models]
    child = Child("train", command, var, env={"CHURN_VAR": str(var)}).start()
    while child.returncode is None:
        time.sleep(0.5)
    if child.returncode:
        raise ChurnError(f"Training failed: {child.tail(3)}", "Look at the log.")


def measure(log: Path, models: Path, var: Path, mode: str, java_options: str) -> tuple[int, float, float]:
    """One run on fresh servers.

    Returns:
        How many events were counted, the seconds they took, and the seconds from the start to the first score.
    """
    with ExitStack() as stack:
        home = java.java_home(java.cache_dir())
        broker = stack.enter_context(Broker(var, jars.ensure(PROJECT / ".jars", home / "bin" / "java", print), home))
        valkey = stack.enter_context(Valkey(var))
        kafka, view = Kafka(bootstrap=broker.bootstrap), View.connect(valkey.url)
        topics.ensure(kafka)
        sent = Sent()
        with log.open("rb") as file:
            replay(file, kafka, Pace(None, time.time), sent, threading.Event())
        environment = {
            "CHURN_VAR": str(var),
            "CHURN_MODELS": str(models),
            "CHURN_KAFKA__BOOTSTRAP": broker.bootstrap,
            "CHURN_REDIS__URL": valkey.url,
            "CHURN_STREAM__CHECKPOINT": str(var / "checkpoint"),
            "CHURN_STREAM__MODE": mode,
            "CHURN_STREAM__METRICS_PORT": "0",
            "CHURN_PUBLISH__METRICS_PORT": "0",
            "_JAVA_OPTIONS": java_options,  # read after the command line, and so stronger
        }
        began_s = time.monotonic()
        for name in ("publish", "stream"):
            child = Child(name, [sys.executable, "-m", "churn.cli", name], var, env=environment).start()
            stack.callback(child.stop, 10)
        return watch(view, sent.with_user, began_s)


def watch(view: View, total: int, began_s: float) -> tuple[int, float, float]:
    """Follows the count of scored events up to the last one."""
    first_s = warm_s = 0.0
    warm = 0
    for scored in counts(view, began_s):
        now_s = time.monotonic()
        if scored and not first_s:
            first_s = now_s - began_s
        if scored >= WARM_UP * total and not warm:
            warm, warm_s = scored, now_s
        if scored >= total:
            return total - warm, now_s - warm_s, first_s
    raise ChurnError("The stream did not score the backlog in time.", "Give fewer --users.")


def counts(view: View, began_s: float) -> Iterator[int]:
    """How many events are scored, several times a second, until the time is over."""
    while time.monotonic() - began_s < LIMIT_S:
        yield view.books().events_scored
        time.sleep(0.1)


if __name__ == "__main__":
    main()
