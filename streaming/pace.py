"""When each event is due: event time made to run at some speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Due times for events that come roughly in order.

    Attributes:
        speed: event seconds per second; None sends as fast as it goes.
        now_s: the wall clock, seconds since 1970.
        live: never sends an event before its own time, so that traffic from the past runs fast until it has
            caught up with the present and goes on at the speed of life.
    """

    speed: float | None
    now_s: Callable[[], float]
    live: bool = False
    _start_s: float | None = field(default=None, init=False)
    _newest_ms: int = field(default=0, init=False)
    _first_ms: int = field(default=0, init=False)

    def wait_s(self, ts_ms: int) -> float:
        """Seconds from now until an event is due; 0 for one that is due already or came out of order."""
        if self._start_s is None:
            self._start_s, self._first_ms = self.now_s(), ts_ms
        self._newest_ms = max(self._newest_ms, ts_ms)
        due_s = 0.0
        if self.speed is not None:
            due_s = self._start_s + (self._newest_ms - self._first_ms) / 1000 / self.speed
        if self.live:
            due_s = max(due_s, self._newest_ms / 1000)
        return max(0.0, due_s - self.now_s())
