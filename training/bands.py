"""Where the bands begin: from what a team can do, or from money."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from churn.outcomes import AlertPolicy, Band
from churn.settings import Bands, Policy

_HALVINGS = 16
_SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5)
"""Shares of active users in the high band that are tried; a band of more than half would sort nobody out."""


def thresholds(scored: pd.DataFrame, bands: Bands, policy: Policy, grid_days: int) -> dict[str, Any]:
    """Risk at which the medium and the high band begin, and what the choice came from.

    Args:
        scored: out-of-fold rows on the grid: `user_id, as_of, risk`.
        bands: capacity, or money.
        policy: hysteresis and cool-down, which decide how often a user who is at risk rings.
        grid_days: spacing of the rows.
    """
    if bands.customer_value is None:
        high, chosen_by = by_capacity(scored, bands.alerts_per_thousand_per_day, policy, grid_days), "capacity"
    else:
        high, chosen_by = bands.offer_cost / (bands.offer_success * bands.customer_value), "money"
    high = min(max(high, 1e-6), 1 - 1e-6)
    medium = min(float(scored["risk"].quantile(1 - bands.medium_share)), high)
    rate = alerts_per_thousand_per_day(scored, high, policy, grid_days)
    return {"medium": medium, "high": high, "chosen_by": chosen_by, "alerts_per_thousand_per_day": rate}


def by_capacity(scored: pd.DataFrame, capacity: float, policy: Policy, grid_days: int) -> float:
    """The lowest threshold above which the policy raises no more alerts than the team can take.

    Looked for from above: at a very low one everybody is in the band already, and nobody enters it.
    """

    def fits(high: float) -> bool:
        return alerts_per_thousand_per_day(scored, high, policy, grid_days) <= capacity

    good = float(scored["risk"].max())
    for share in _SHARES:
        low = float(scored["risk"].quantile(1 - share))
        if not fits(low):
            return _halve(low, good, fits)
        good = low
    return good


def _halve(bad: float, good: float, fits: Callable[[float], bool]) -> float:
    for _ in range(_HALVINGS):
        middle = (bad + good) / 2
        bad, good = (bad, middle) if fits(middle) else (middle, good)
    return good


def alerts_per_thousand_per_day(scored: pd.DataFrame, high: float, policy: Policy, grid_days: int) -> float:
    """How often the policy would have rung on these rows."""
    rule = AlertPolicy.of(policy, high, high)
    alerts, user, alerted_at = 0, None, None
    band: Band = "none"
    ordered = scored.sort_values(["user_id", "as_of"], kind="stable")
    for user_id, as_of, risk in zip(ordered["user_id"], ordered["as_of"], ordered["risk"], strict=True):
        first = user_id != user
        if first:
            user, band, alerted_at = user_id, "none", None
        after: Band = rule.band(risk, band, "active")
        if not first and rule.alerts(band, after, as_of, alerted_at):
            alerts, alerted_at = alerts + 1, as_of
        band = after
    return 1000 * alerts / (len(scored) * grid_days) if len(scored) else 0.0


def profit_curve(scored: pd.DataFrame, bands: Bands, points: int = 60) -> pd.DataFrame:
    """Expected profit per 1,000 users of an offer to everybody above a risk, as the outcomes on these rows had it.

    Returns:
        `risk` (the threshold), `reached` (share of users above it), `profit` (in the unit of the settings).
    """
    value = 1.0 if bands.customer_value is None else bands.customer_value
    risk = scored["risk"].to_numpy()
    left = (scored["cancel"] + scored["lapse"]).to_numpy()
    thresholds_ = np.quantile(risk, np.linspace(0, 1, points))
    profit = [
        1000 * float(((left * bands.offer_success * value - bands.offer_cost)[risk >= at]).sum()) / len(risk)
        for at in thresholds_
    ]
    return pd.DataFrame(
        {"risk": thresholds_, "reached": [float((risk >= at).mean()) for at in thresholds_], "profit": profit}
    )
