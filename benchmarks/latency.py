"""Latency at fixed rates, open loop: from the moment an event should have been sent to its score being readable.

One contestant is started, warmed, and then meets one rate after another. Waiting counts: an event that could not be
sent in time, or that came while a batch was being committed, waited since the moment it was due.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.stand import Stand, wait_until
from benchmarks.waits import Ordinals, Readings, figures, in_pause, waited
from benchmarks.workload import rows
from churn.child import Child
from churn.errors import ChurnError
from churn.settings import Kafka

LEAD_S = 4.0
"""A sender's time to start and to read its events."""
WARM_RATE = 200.0
START_S, DRAIN_S = 240.0, 120.0


@dataclass(frozen=True)
class Window:
    """What one contestant did at one rate.

    Attributes:
        rate: events a second.
        events: sent in the window.
        waits_ms: quantiles of all of them.
        calm_ms: of those that were not due during a pause.
        paused: share of those that were.
        behind_ms: the sender's own delay, median and largest.
    """

    rate: float
    events: int
    waits_ms: dict[str, float]
    calm_ms: dict[str, float]
    paused: float
    behind_ms: tuple[float, float]


@dataclass(frozen=True)
class _Sent:
    first: int
    count: int
    rate: float
    start: float
    behind_ms: tuple[float, float]


def measure(
    stand: Stand, contestant: Contestant, log: Path, windows: Sequence[tuple[float, float]], warm_s: float, **more: str
) -> list[Window]:
    """One run of one contestant.

    Args:
        stand: with the servers.
        contestant: started anew.
        log: of `benchmarks.workload`.
        windows: of each the rate, events a second, and how long, seconds.
        warm_s: how long it is warmed.
        more: settings, as variables.

    Raises:
        ChurnError: it ended, or did not keep up at all.
    """
    kafka = stand.topics()
    with watching(stand, kafka) as file, stand.running(contestant, kafka, **more) as programs:
        sent, first = [], 0
        for rate, seconds in [(WARM_RATE, warm_s), *windows]:
            sent.append(send(kafka, log, first, round(rate * seconds), rate))
            first += sent[-1].count
            wait_until(
                lambda: stand.view.books().events_scored >= first,  # noqa: B023 (it is called in this very round)
                START_S if len(sent) == 1 else DRAIN_S,
                programs,
                f"scoring at {rate:.0f} events a second",
            )
    return list(judged(Readings(file), log, sent))[1:]


def send(kafka: Kafka, log: Path, first: int, count: int, rate: float) -> _Sent:
    """Sends some events of a log at a rate, from a process of its own."""
    start = time.monotonic() + LEAD_S
    options = {
        "bootstrap": kafka.bootstrap,
        "topic": kafka.events_topic,
        "log": log,
        "first": first,
        "count": count,
        "rate": rate,
        "start": start,
    }
    command = [sys.executable, "-m", "benchmarks.open_loop", *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    return _Sent(first, count, rate, start, tuple(told["behind_ms"]))


@contextmanager
def watching(stand: Stand, kafka: Kafka) -> Iterator[Path]:
    """Watches Redis meanwhile; afterwards the file holds what became readable when."""
    file = stand.var / f"{kafka.scores_topic}.npz"
    command = [sys.executable, "-m", "benchmarks.readable", "--redis", stand.valkey.url, "--out", str(file)]
    watcher = Child(f"{kafka.scores_topic}-readable", command, stand.var).start()
    try:
        wait_until(file.with_suffix(".ready").exists, 30, {"readable": watcher}, "watching")
        yield file
    finally:
        watcher.stop(60)
    if not file.exists():
        raise ChurnError(f"The watcher wrote nothing: {watcher.tail(5)}", "Look at it.")


def judged(readings: Readings, log: Path, sent: Iterable[_Sent], before: int = 0) -> Iterator[Window]:
    """What became of each stretch, in the order sent, from the first event of the log on.

    Args:
        readings: of the run.
        log: that was sent.
        sent: its stretches.
        before: versions that each user had before.
    """
    ordinals = Ordinals(before)
    for stretch in sent:
        events = [(user, ordinals.next(user)) for user, _ in rows(log, stretch.first, stretch.count)]
        due, waits = waited(readings, events, stretch.start, stretch.rate)
        paused = in_pause(readings, due)
        yield Window(
            rate=stretch.rate,
            events=waits.size,
            waits_ms=figures(waits),
            calm_ms=figures(waits[~paused]) if not paused.all() else {},
            paused=round(float(paused.mean()), 4),
            behind_ms=stretch.behind_ms,
        )
