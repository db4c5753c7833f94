"""When a demo is to end."""

from __future__ import annotations

import math
import threading
import time

from churn.signals import Stopped


class End:
    """At a signal, or when the time is over.

    Args:
        stopping: set by a signal.
        seconds: from now on, None for no end of time.
    """

    def __init__(self, stopping: threading.Event, seconds: float | None) -> None:
        self._stopping = stopping
        self._began_s = time.monotonic()
        self._seconds = math.inf if seconds is None else seconds

    @property
    def elapsed_s(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._began_s

    @property
    def at_once(self) -> bool:
        """Whether somebody waits for it to end: a signal came."""
        return self._stopping.is_set()

    def check(self) -> None:
        """Raises Stopped when the demo is to end."""
        self.wait(0.0)

    def wait(self, wait_s: float) -> None:
        """Waits a moment. Raises Stopped, as soon as it is so, when the demo is to end."""
        left_s = self._seconds - self.elapsed_s
        if self._stopping.wait(max(0.0, min(wait_s, left_s))) or left_s <= wait_s:
            raise Stopped
