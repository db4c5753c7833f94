"""What the pulses of publish tell of the last ten minutes: how many events came, and how long their scores took."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from churn.pulse import Pulse

STEP_MS = 10_000
STEPS = 60
MINUTE_MS = 60_000
TEN_MINUTES_MS = STEPS * STEP_MS
LATE_MS = 1000
"""A second of whose scores more than 1 in 100 took longer was a late one."""
_LONGEST_MS = 5_000
"""What one pulse stands for at most: where publish was away for longer, nothing is known."""


@dataclass(frozen=True)
class Span:
    """Some time of scoring.

    Attributes:
        events: scored in it.
        covered_ms: how much of it is known.
        p50_ms: the median of the seconds' medians; None without scores. Between a quarter and three quarters of all
            scores took no longer, about half where the seconds are alike.
        p99_ms: at most 1 in 100 scores is of a second whose p99 is larger, and of the others at most 1 in 100 took
            longer: of all scores at most 2 in 100 took longer than this.
        late: which share of the scores, from 0 to 1, is of seconds whose p99 is above :data:`LATE_MS`.
        worst_ms: the largest of the seconds' p99.
    """

    events: int
    covered_ms: int
    p50_ms: float | None
    p99_ms: float | None
    worst_ms: float | None
    late: float = 0.0

    @property
    def per_second(self) -> float | None:
        """Events a second; None where nothing is known."""
        return self.events * 1000 / self.covered_ms if self.covered_ms else None


class Pace:
    """The last ten minutes.

    Args:
        pulses: oldest first.
        now_ms: the wall clock.

    Attributes:
        age_ms: of the newest pulse; None without one.
        now: the last ten seconds.
        minute: the last minute.
        whole: all ten minutes.
        steps: ten seconds each, oldest first, the last one ending at `ends_ms`.
        ends_ms: a full ten seconds of the wall clock.
        silent_ms: how long no event has been scored, or how long that is known; None without a pulse.
        heard: whether any was scored in all that time.
        still_ms: how long the event clock has not moved.
    """

    def __init__(self, pulses: Sequence[Pulse], now_ms: int) -> None:
        # Where the clock of publish is ahead of this one, its newest pulse is now; one from later than that is of a
        # clock that was set back meanwhile.
        self._now_ms = max([now_ms, *(pulse.wall_ms for pulse in pulses[-1:])])
        pulses = sorted((each for each in pulses if each.wall_ms <= pulses[-1].wall_ms), key=lambda each: each.wall_ms)
        self._pulses, self._at_ms = pulses, [pulse.wall_ms for pulse in pulses]
        self._covered = [1000, *(min(later - earlier, _LONGEST_MS) for earlier, later in pairwise(self._at_ms))]
        self.age_ms = self._now_ms - pulses[-1].wall_ms if pulses else None
        self.now = self._span(self._now_ms - STEP_MS, self._now_ms)
        self.minute = self._span(self._now_ms - MINUTE_MS, self._now_ms)
        self.whole = self._span(self._now_ms - TEN_MINUTES_MS, self._now_ms)
        self.ends_ms = self._now_ms - self._now_ms % STEP_MS
        self.steps = [
            self._span(self.ends_ms - (step + 1) * STEP_MS, self.ends_ms - step * STEP_MS)
            for step in reversed(range(STEPS))
        ]
        scored = [pulse.wall_ms for pulse in pulses if pulse.events]
        self.heard = bool(scored)
        since_ms = scored[-1] if scored else pulses[0].wall_ms if pulses else None
        self.silent_ms = None if since_ms is None else self._now_ms - since_ms
        self.still_ms = self._still_ms()

    def _span(self, after_ms: int, until_ms: int) -> Span:
        first, last = bisect_right(self._at_ms, after_ms), bisect_right(self._at_ms, until_ms)
        pulses = self._pulses[first:last]
        p99 = [(pulse.p99_ms, pulse.events) for pulse in pulses]
        return Span(
            events=sum(pulse.events for pulse in pulses),
            covered_ms=sum(self._covered[first:last]) if pulses else 0,
            p50_ms=_reached([(pulse.p50_ms, pulse.events) for pulse in pulses], 0.5),
            p99_ms=_reached(p99, 0.99),
            worst_ms=max((pulse.p99_ms for pulse in pulses if pulse.p99_ms is not None), default=None),
            late=_late(p99),
        )

    def _still_ms(self) -> int:
        newest = self._pulses[-1] if self._pulses else None
        if newest is None or newest.clock_ms is None:
            return 0
        since_ms = newest.wall_ms
        for pulse in reversed(self._pulses):
            if pulse.clock_ms != newest.clock_ms:
                break
            since_ms = pulse.wall_ms
        return newest.wall_ms - since_ms


def _weights(weighed: Sequence[tuple[float | None, int]]) -> list[tuple[float, int]]:
    """Figures that are known, the smallest first, each of which counts for as many events as it is of."""
    return sorted((figure, max(1, weight)) for figure, weight in weighed if figure is not None)


def _reached(weighed: Sequence[tuple[float | None, int]], share: float) -> float | None:
    """The smallest figure that a share of the events does not exceed."""
    known = _weights(weighed)
    # In whole numbers: rounding must not push it beyond the last figure.
    left = sum(weight for _, weight in known) * round((1 - share) * 100)
    for figure, weight in reversed(known):
        left -= weight * 100
        if left < 0:
            return figure
    return None


def _late(weighed: Sequence[tuple[float | None, int]]) -> float:
    known = _weights(weighed)
    late = sum(weight for figure, weight in known if figure > LATE_MS)
    return late / sum(weight for _, weight in known) if late else 0.0
