"""Recovery: from kill -9 of the program that scores to its next score, and until nothing waits any more."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.contestants import Contestant
from benchmarks.latency import LEAD_S, WARM_RATE, send, watching
from benchmarks.stand import Stand, wait_until
from benchmarks.waits import Ordinals, Readings, waited
from benchmarks.workload import rows

RATE = 500.0
BEFORE_S = 20.0
LAG_OVER_S = 1.0
"""Nothing waits any more once an event is readable within this."""


def measure(
    stand: Stand, contestant: Contestant, log: Path, warm_s: float, kills: int, after_s: float
) -> dict[str, list[float]]:
    """Kills the first program of a contestant under load, and starts it again at once.

    Returns:
        `next_score` and `no_lag`: seconds after each kill.
    """
    kafka, killed_s, sent = stand.topics(), [], []
    with watching(stand, kafka) as file, stand.running(contestant, kafka) as programs:
        victim = next(iter(programs.values()))
        sent.append(send(kafka, log, 0, round(WARM_RATE * warm_s), WARM_RATE))
        total = sent[0].count
        wait_until(lambda: stand.view.books().events_scored >= sent[0].count, 240, programs, "the first scores")
        for _ in range(kills):
            count = round(RATE * (BEFORE_S + after_s))

            def kill() -> None:
                victim.kill()
                killed_s.append(time.monotonic())
                victim.start()

            timer = threading.Timer(LEAD_S + BEFORE_S, kill)
            timer.start()
            sent.append(send(kafka, log, total, count, RATE))
            timer.join()
            total += count
            wait_until(lambda: stand.view.books().events_scored >= total, 240, programs, "catching up")  # noqa: B023
    readings, ordinals = Readings(file), Ordinals()
    found: dict[str, list[float]] = {"next_score": [], "no_lag": []}
    kills_left = iter(killed_s)
    for number, stretch in enumerate(sent):
        events = [(user, ordinals.next(user)) for user, _ in rows(log, stretch.first, stretch.count)]
        if number == 0:
            continue
        killed, (due, waits) = next(kills_left), waited(readings, events, stretch.start, stretch.rate)
        after = readings.moments[readings.moments > killed + 0.5]  # what was on its way to Redis still arrives
        found["next_score"].append(round(float(after[0] - killed), 1))
        found["no_lag"].append(round(float(_over(due, waits, killed)), 1))
    return found


def _over(due: np.ndarray, waits: np.ndarray, killed_s: float) -> float:
    """Seconds from a kill until events wait for less than LAG_OVER_S."""
    late = np.flatnonzero((due > killed_s) & (waits > LAG_OVER_S))
    return float(due[late[-1]] + waits[late[-1]] - killed_s) if late.size else 0.0
