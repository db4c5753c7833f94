"""Each event once: the identities of the last days of event time, of one partition."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.peers.decoding import Decoded
from churn.settings import DAY_MS

Identity = tuple[str, int, int, int]


class Identities:
    """What was seen lately, in a set per day of event time: a day that is over is forgotten at one stroke.

    The clock is the largest time seen in this partition, so that a partition behind the others loses nothing.

    Args:
        window_ms: of event time. An event that is older than that is late: nobody could tell whether it is a double.

    Attributes:
        clock: the largest time seen, ms.
        new: what was seen since the last :meth:`turn`, by day.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._days: defaultdict[int, set[Identity]] = defaultdict(set)
        self._oldest = self.clock = 0
        self.new: defaultdict[int, list[Identity]] = defaultdict(list)

    def turn(self) -> list[int]:
        """Begins a batch: what is older than the window by the clock of now is late. Returns the days that are over."""
        self.new.clear()
        self._oldest = self.clock - self._window_ms
        over = [day for day in self._days if (day + 1) * DAY_MS <= self._oldest]
        for day in over:
            del self._days[day]
        return over

    def is_late(self, ts_ms: int) -> bool:
        """Whether an event of that time comes too late to be told from a double."""
        return ts_ms < self._oldest

    def meet(self, event: Decoded) -> bool:
        """Whether an event is met for the first time; from now on it is known."""
        identity = event[:4]
        day = identity[3] // DAY_MS
        seen = self._days[day]
        if identity in seen:
            return False
        seen.add(identity)
        self.new[day].append(identity)
        self.clock = max(self.clock, identity[3])
        return True

    def restore(self, day: int, identities: list[Identity]) -> None:
        """Takes back what was kept of a day."""
        self._days[day].update(identities)
        self.clock = max([self.clock, *(identity[3] for identity in identities)])
