"""How long a score took: from the broker's stamp on an event to its score being readable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from churn import metrics
from churn.scores import Score

QUANTILES = (0.5, 0.9, 0.99)


class Latency:
    """From the broker's stamp on an event to its score being readable, over the last `kept` scores."""

    def __init__(self, kept: int = 100_000) -> None:
        self._took_ms = np.zeros(kept, dtype=np.int64)  # a ring
        self._noted = self._told = 0
        self._known = 0, dict.fromkeys(QUANTILES, math.nan)
        for quantile in QUANTILES:
            metrics.PUBLISH_LATENCY_MS.labels(str(quantile)).set_function(self._reader(quantile))

    def note(self, scores: Iterable[Score], readable_ms: int) -> None:
        """Notes scores that became readable at `readable_ms`; openings have no stamp and are left out."""
        for score in scores:
            if score.received_ms is not None:
                took_ms = max(0, readable_ms - score.received_ms)
                self._took_ms[self._noted % self._took_ms.size] = took_ms
                self._noted += 1
                metrics.PUBLISH_LATENCY_SECONDS.observe(took_ms / 1000)

    def quantile(self, share: float) -> float:
        """One of QUANTILES, exactly, in ms (nearest rank); NaN before the first score."""
        noted = self._noted
        # All of them at once, and only when there are new scores: this runs beside the publishing.
        if noted > self._known[0]:
            held = self._took_ms[:noted]
            ranks = [math.ceil(each * held.size) - 1 for each in QUANTILES]
            self._known = noted, dict(zip(QUANTILES, np.partition(held, ranks)[ranks].tolist(), strict=True))
        return self._known[1][share]

    def lately(self) -> tuple[float | None, float | None]:
        """The first and the last of QUANTILES, in ms, of what was noted since the last call; None without anything."""
        begins, ends, kept = max(self._told, self._noted - self._took_ms.size), self._noted, self._took_ms.size
        self._told = ends
        if begins == ends:
            return None, None
        first, last = begins % kept, (ends - 1) % kept + 1
        took_ms = self._took_ms[first:last] if first < last else np.r_[self._took_ms[first:], self._took_ms[:last]]
        ranks = [math.ceil(each * took_ms.size) - 1 for each in (QUANTILES[0], QUANTILES[-1])]
        p50, p99 = np.partition(took_ms, ranks)[ranks].tolist()
        return p50, p99

    def _reader(self, quantile: float) -> Callable[[], float]:
        return lambda: self.quantile(quantile)
