"""What a demo is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn.errors import ChurnError
from churn.settings import Mode

SIMULATED_SPEED = 2160.0
"""A day in 40 seconds: some 130 events a second from 300 listeners."""

FEWEST_USERS = 150
"""Among fewer simulated listeners too few leave for a model to learn from."""


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

    Raises:
        ChurnError: there are too few simulated listeners.
    """

    events: Path | None = None
    speed: float | None = SIMULATED_SPEED
    mode: Mode = "auto"
    users: int = 300
    seconds: float | None = None
    port: int = 0

    def __post_init__(self) -> None:
        if self.events is None and self.users < FEWEST_USERS:
            raise ChurnError(
                f"Among {self.users} listeners too few leave for a model to learn from.",
                f"Give --users {FEWEST_USERS} or more.",
            )
