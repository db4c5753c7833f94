"""`--mode auto`: micro-batches while behind, real-time mode while live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Running = Literal["realtime", "microbatch"]
"""How a query runs; `auto` chooses between the two."""

PATIENCE_S = 10.0
"""For so long must a backlog last before real-time mode is left: a burst that it can take is no reason."""


@dataclass
class AutoMode:
    """Decides when to change.

    Attributes:
        live_lag: events; at most so many are waiting when real-time mode begins.
        backlog_lag: events; more are waiting, for a while, when it is left.
    """

    live_lag: int
    backlog_lag: int
    _behind_since_s: float | None = field(default=None, init=False)

    def first(self, lag: int) -> Running:
        """The mode to start in: a JVM that has compiled nothing yet catches up many times faster in micro-batches."""
        return "realtime" if self.caught_up(lag) else "microbatch"

    def behind(self, lag: int) -> bool:
        """Whether so many events wait that catching up comes first."""
        return lag > self.backlog_lag

    def caught_up(self, lag: int) -> bool:
        """Whether so few events wait that scoring is live."""
        return lag <= self.live_lag

    def next(self, now: Running, lag: int, now_s: float) -> Running:
        """The mode to run in.

        Args:
            now: the mode it runs in.
            lag: events that were not read yet.
            now_s: a clock that only goes forward, seconds.
        """
        if now == "microbatch" or not self.behind(lag):
            self._behind_since_s = None
            return "realtime" if self.caught_up(lag) else now
        self._behind_since_s = now_s if self._behind_since_s is None else self._behind_since_s
        return "microbatch" if now_s - self._behind_since_s >= PATIENCE_S else now
