"""Thresholds from what a team can do, or from money."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.settings import DAY_MS, Bands, Policy
from training import bands

POLICY = Policy(exit_ratio=0.85, cool_down_days=7)


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    """Two hundred users over thirty days, each on a walk of their own."""
    rng = np.random.default_rng(4)
    risk = 1 / (1 + np.exp(-(rng.normal(-2, 1, (200, 1)) + np.cumsum(rng.normal(0, 0.3, (200, 30)), axis=1))))
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{user}" for user in range(200)], 30),
            "as_of": np.tile(np.arange(30) * DAY_MS, 200),
            "risk": risk.ravel(),
            "cancel": (rng.random(6000) < risk.ravel()).astype(float),
            "lapse": 0.0,
        }
    )


@pytest.mark.parametrize("capacity", [1.0, 5.0, 12.0])
def test_the_policy_rings_as_often_as_the_team_can_take(scored: pd.DataFrame, capacity: float) -> None:
    found = bands.thresholds(scored, Bands(alerts_per_thousand_per_day=capacity), POLICY, 1)
    assert found["alerts_per_thousand_per_day"] <= capacity
    assert bands.alerts_per_thousand_per_day(scored, found["high"] - 0.01, POLICY, 1) > capacity
    assert 0 < found["medium"] <= found["high"] < 1
    assert found["chosen_by"] == "capacity"


def test_one_who_stays_high_rings_once_and_again_only_after_the_cool_down() -> None:
    risk = [0.1, 0.9, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.9]
    rows = pd.DataFrame({"user_id": "7", "as_of": [day * DAY_MS for day in range(9)], "risk": risk})
    assert bands.alerts_per_thousand_per_day(rows, 0.5, POLICY, 1) == pytest.approx(1000 * 2 / 9)


def test_money_asks_when_an_offer_pays(scored: pd.DataFrame) -> None:
    paid = Bands(customer_value=100.0, offer_cost=2.0, offer_success=0.1)
    found = bands.thresholds(scored, paid, POLICY, 1)
    assert (found["high"], found["chosen_by"]) == (0.2, "money")
    curve = bands.profit_curve(scored, paid)
    # These probabilities are true: the curve is highest where the offer just pays.
    assert abs(float(curve.loc[curve["profit"].idxmax(), "risk"]) - 0.2) < 0.08
    assert curve["reached"].iloc[0] == 1.0
