"""One policy at several thresholds of the high band: how many alerts, and how many of them come true.

What is tried is the backtest's own code; each user's points are read once for all thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from api.backtest import Outcome, Past, tried
from churn.outcomes import AlertPolicy

THRESHOLDS = 12
MOST_THRESHOLDS = 20
_DIGITS = 3


def swept(
    pasts: Sequence[Past], policy: AlertPolicy, thresholds: Sequence[float], horizon_ms: int, clock_ms: int
) -> list[Outcome]:
    """What a policy would have done with its high band at each of some thresholds.

    Args:
        pasts: of some users.
        policy: whose other rules hold.
        thresholds: risks from which the high band begins.
        horizon_ms: of the model.
        clock_ms: the event clock.
    """
    return tried(pasts, [replace(policy, high=each) for each in thresholds], horizon_ms, clock_ms)


def spread(pasts: Sequence[Past], policy: AlertPolicy, count: int = THRESHOLDS) -> list[float]:
    """Thresholds where it makes sense, lowest first: from where the medium band begins up to where hardly anybody is.

    They go by the highest risk of each user, so that from one to the next the share of users who reach it falls by
    about the same factor. The policy's own threshold is among them.
    """
    own = round(policy.high, _DIGITS)
    peaks = sorted((past.peak for past in pasts if past.peak > policy.medium), reverse=True)
    ranks = [round(len(peaks) ** (place / (count - 1))) - 1 for place in range(count)] if peaks else []
    found = {round(peaks[rank], _DIGITS) for rank in ranks}
    step = (0.95 - policy.medium) / (count - 1)
    evenly = [round(policy.medium + step * place, _DIGITS) for place in range(count)]
    found = {each for each in found if policy.medium <= each < 1} - {own}
    for each in sorted(evenly, key=lambda each: -min((abs(each - one) for one in found | {own}), default=1.0)):
        if len(found) >= count - 1:
            break
        if policy.medium <= each < 1 and each != own:
            found.add(each)
    return sorted([*sorted(found)[-(count - 1) :], policy.high])
