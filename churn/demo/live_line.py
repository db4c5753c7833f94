"""The line of live figures that a demo shows while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from churn.demo.figures import Figures


class LiveLine:
    """Rewritten in place on a terminal, said now and then otherwise."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._in_place = sys.stderr.isatty()
        self._before: tuple[float, int] | None = None
        self._shown_s = 0.0

    def show(self, figures: Figures, ts_ms: int) -> None:
        """Shows the figures, with the newest event time sent (ms)."""
        now_s = time.monotonic()
        if not self._in_place and now_s - self._shown_s < 10:
            return
        then_s, then = self._before or (now_s - 1, figures.books.events_scored)
        self._before, self._shown_s = (now_s, figures.books.events_scored), now_s
        rate = (figures.books.events_scored - then) / (now_s - then_s)
        clock = f"{datetime.fromtimestamp(ts_ms / 1000, UTC):%Y-%m-%d %H:%M}" if ts_ms else "—"
        latency = " / ".join("—" if value is None else f"{value:,.0f}" for value in figures.latency_ms.values())
        line = (
            f"{clock} UTC · {rate:,.{0 if rate >= 10 else 1}f} events/s · {figures.books.users:,} users scored · "
            f"{figures.books.alerts:,} alerts · latency p50 / p90 / p99 {latency} ms"
        )
        if self._in_place:
            sys.stderr.write(f"\r\x1b[2K{line}")
            sys.stderr.flush()
        else:
            self._say(line)

    def say(self, words: str) -> None:
        """Says something else, on a line of its own."""
        if self._in_place:
            sys.stderr.write("\n")
        self._say(words)
