"""From intended moments and moments of reading to how long each event waited, and which waited for a pause."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
PAUSE_S = 0.25
"""So long nothing becomes readable although events come: at rates from 100 a second on that is no chance."""

Floats = NDArray[np.float64]


class Readings:
    """When which version of a user could be read, out of the file that `benchmarks.readable` writes."""

    def __init__(self, file: Path) -> None:
        held = np.load(file)
        self.moments: Floats = held["moments"]
        self._by_user: dict[str, tuple[list[int], list[float]]] = {}
        for user, version, moment in zip(held["users"].tolist(), held["versions"].tolist(), self.moments, strict=True):
            versions, moments = self._by_user.setdefault(user, ([], []))
            if not versions or version > versions[-1]:
                versions.append(version)
                moments.append(float(moment))

    def of(self, user: str, version: int) -> float:
        """When a version, or a later one, could first be read; infinite if never."""
        versions, moments = self._by_user.get(user, ([], []))
        place = int(np.searchsorted(versions, version))
        return moments[place] if place < len(moments) else np.inf


class Ordinals:
    """Counts each user's versions: an event is readable when the version is its own or a later one.

    Args:
        before: versions that each user had before the first event.
    """

    def __init__(self, before: int = 0) -> None:
        self._held: dict[str, int] = {}
        self._before = before

    def next(self, user: str) -> int:
        """The version that this event makes."""
        self._held[user] = number = self._held.get(user, self._before) + 1
        return number


def waited(readings: Readings, events: Iterable[tuple[str, int]], start: float, rate: float) -> tuple[Floats, Floats]:
    """How long each event waited.

    Args:
        readings: of the run.
        events: user and number among the user's events, in the order sent.
        start: intended moment of the first, monotonic seconds.
        rate: events a second.

    Returns:
        Intended moments and waits, both in seconds.
    """
    read = np.array([readings.of(user, number) for user, number in events])
    due = start + np.arange(read.size) / rate
    return due, read - due


def in_pause(readings: Readings, due: Floats) -> NDArray[np.bool_]:
    """Which events were due while nothing became readable for PAUSE_S or longer."""
    moments = readings.moments
    inside = moments[(moments >= due[0]) & (moments <= due[-1] + 60)]
    bounds = np.concatenate([[due[0]], inside])
    gaps = np.flatnonzero(np.diff(bounds) >= PAUSE_S)
    found = np.zeros(due.size, dtype=bool)
    for gap in gaps:
        found |= (due >= bounds[gap]) & (due < bounds[gap + 1])
    return found


def figures(waits_s: Floats) -> dict[str, float]:
    """Quantiles by nearest rank, ms."""
    ordered = np.sort(waits_s) * 1000
    ranks = {name: max(0, int(np.ceil(share * ordered.size)) - 1) for name, share in QUANTILES.items()}
    return {name: round(float(ordered[rank]), 1) for name, rank in ranks.items()}
