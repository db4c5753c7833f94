"""The population stability index: how far the shares of some bins have moved from what they were.

PSI = Σ (now - then) · ln(now / then) over the bins (Siddiqi, *Credit Risk Scorecards*, Wiley 2006). It is Jeffreys'
divergence (Proc. Royal Society A 186, 1946), the Kullback-Leibler divergence one way and the other added up: 0 for
equal shares, never negative, the same in both directions. It is usually read as stable below .1, moved from .1 on, far
away from .25 on. That is a rule of thumb, and no test: it knows neither how many were looked at, which
:func:`by_chance` does, nor whether the model minds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

MOVED, FAR_AWAY = 0.1, 0.25
"""Where the usual reading draws its lines."""
LEAST_SHARE = 0.0005
"""A bin of less counts as so much, on either side: an empty one would make the index infinite."""

Reading = Literal["stable", "moved", "far away"]


def psi(then: Sequence[float], now: Sequence[float]) -> float:
    """The index of two lists of shares of the same bins.

    Args:
        then: shares from 0 to 1.
        now: likewise.
    """
    pairs = [(max(a, LEAST_SHARE), max(b, LEAST_SHARE)) for a, b in zip(then, now, strict=True)]
    return math.fsum((b - a) * math.log(b / a) for a, b in pairs)


def by_chance(bins: int, then: int, now: int) -> float:
    """What the index is on average for two samples of one population (Yurdakul, Western Michigan University, 2018).

    Args:
        bins: how many.
        then: size of one sample, of independent members, at least 1.
        now: size of the other.
    """
    return (bins - 1) * (1 / then + 1 / now)


def reading(index: float) -> Reading:
    """The usual one."""
    if index >= FAR_AWAY:
        return "far away"
    return "moved" if index >= MOVED else "stable"
