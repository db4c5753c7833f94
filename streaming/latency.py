"""How long a score took: from the broker's stamp on an event to its score being readable."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from churn import metrics
from churn.scores import Score

QUANTILES = (0.5, 0.9, 0.99)


class Latency:
    """From the broker's stamp on an event to its score being readable, over the last `kept` scores."""

    def __init__(self, kept: int = 100_000) -> None:
        self._recent: deque[int] = deque(maxlen=kept)
        for quantile in QUANTILES:
            metrics.PUBLISH_LATENCY_MS.labels(str(quantile)).set_function(self._reader(quantile))

    def note(self, scores: Sequence[Score], readable_ms: int) -> None:
        """Notes scores that became readable at `readable_ms`; openings have no stamp and are left out."""
        for score in scores:
            if score.received_ms is not None:
                took_ms = max(0, readable_ms - score.received_ms)
                self._recent.append(took_ms)
                metrics.PUBLISH_LATENCY_SECONDS.observe(took_ms / 1000)

    def quantile(self, share: float) -> float:
        """The exact quantile in ms (nearest rank); NaN before the first score."""
        ranked = sorted(self._recent)
        return float(ranked[max(0, math.ceil(share * len(ranked)) - 1)]) if ranked else float("nan")

    def _reader(self, quantile: float) -> Callable[[], float]:
        return lambda: self.quantile(quantile)
