"""What is sent: simulated listeners, always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from churn.events import encode
from churn.settings import DAY_MS
from churn.simulator import Simulation

START_MS = 1_538_352_000_000  # 1 October 2018, where the real log begins
SEED = 7


def write(log: Path, users: int, days: float, most: int | None = None) -> int:
    """Writes the events of listeners who are logged in, in order of time. Returns how many.

    Args:
        log: the file.
        users: how many listeners.
        days: of their lives.
        most: events, at most.
    """
    simulated = Simulation(users, START_MS, START_MS + round(days * DAY_MS), seed=SEED)
    written = 0
    with log.open("wb") as file:
        for event in simulated.events():
            if written == most:
                break
            if event["userId"]:
                file.write(encode(event) + b"\n")
                written += 1
    return written


def rows(log: Path, first: int, count: int) -> Iterator[tuple[str, bytes]]:
    """User and line of some events of a log."""
    with log.open("rb") as file:
        for place, line in enumerate(file):
            if place >= first + count:
                return
            if place >= first:
                yield json.loads(line)["userId"], line.rstrip(b"\n")
