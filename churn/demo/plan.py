"""What a demo is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn.settings import Mode

SIMULATED_SPEED = 1440.0
"""A day a minute: some 120 events a second from 400 listeners."""


@dataclass(frozen=True)
class Plan:
    """What a demo is asked to do.

    Attributes:
        events: a log of one's own, None for simulated listeners.
        speed: event seconds per second, None for as fast as it goes.
        mode: of the stream.
        users: how many simulated listeners.
        seconds: stop by itself after this time in all, None to go on until a signal.
        port: of the API, 0 for 8000 or a free one.
    """

    events: Path | None = None
    speed: float | None = SIMULATED_SPEED
    mode: Mode = "realtime"
    users: int = 400
    seconds: float | None = None
    port: int = 0
