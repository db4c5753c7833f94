"""The wall clock, which everything that needs it is given."""

from __future__ import annotations

import time


def wall_clock() -> int:
    """Now, in ms since 1970, UTC."""
    return time.time_ns() // 1_000_000
