"""Feature values at a later moment of somebody from whom nothing has come since: what a heartbeat would find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn.features import FEATURES
from churn.phrases import Matrix

_DECAY_PER_MS = np.array([feature.decay_per_ms if feature.kind == "decayed_sum" else 0.0 for feature in FEATURES])
_IS_SILENCE = np.array([feature.kind == "silence" for feature in FEATURES])
_IS_TENURE = np.array([feature.kind == "tenure" for feature in FEATURES])
_PER_MS = np.array([1 / feature.unit_ms for feature in FEATURES])


def moved_on(features: Matrix, since_ms: NDArray[np.int64], heard: NDArray[np.bool_]) -> Matrix:
    """The values as of a later moment: sums fade, silence and tenure grow, the plan stays.

    A tenure of 0 stays 0: either no event has told of a registration, and then a heartbeat finds 0 again, or it is
    still to come, and nobody knows when.

    Args:
        features: raw values, one row per user, columns in the order of `churn.features.NAMES`.
        since_ms: of each user, how much later.
        heard: of each, whether an event is known from which silence is counted.
    """
    later = since_ms[:, None].astype(np.float64)
    faded: Matrix = features * np.exp(-later * _DECAY_PER_MS)
    grows = (_IS_SILENCE & heard[:, None]) | (_IS_TENURE & (features > 0))
    return faded + np.where(grows, later * _PER_MS, 0.0)
