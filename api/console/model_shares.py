"""A share of scores with an interval that knows that a user's scores are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.intervals import wilson

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]
Chances = NDArray[np.float64]

FEW_USERS = 30
"""Of fewer, nobody could tell how alike a user's scores are: each user counts as one observation."""


@dataclass(frozen=True)
class Estimate:
    """From 0 to 1, with a 95 % interval."""

    value: float
    low: float
    high: float


def estimate(came: Flags, user: Codes) -> Estimate:
    """The share of scores that came true: Wilson's interval on the effective number of scores.

    That number is how many independent scores would tell as much. It comes from how far users differ from each other
    (the linearised variance of a ratio over clusters; Korn and Graubard, Survey Methodology 24, 1998), and is never
    more than there are scores. Unlike one by resampled users, Wilson's interval has a width where nobody left.

    Args:
        came: of each score, whether it came true; at least one.
        user: of each score, whose it is, from 0.
    """
    value = float(came.mean())
    return Estimate(value, *wilson(value, _effective(came, user, value)))


def _effective(came: Flags, user: Codes, value: float) -> float:
    scores = np.bincount(user)
    off = (np.bincount(user, came) - value * scores)[scores > 0]
    users = len(off)
    if value in (0.0, 1.0):
        return float(users)
    variance = float((off**2).sum()) * users / max(1, users - 1) / len(came) ** 2
    most = len(came) if users >= FEW_USERS else users
    return min(float(most), max(1.0, value * (1 - value) / variance)) if variance > 0 else float(most)
