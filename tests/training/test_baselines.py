"""What a model must beat is given the same chances as the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.outcomes import OUTCOMES
from training import baselines, evaluate
from training.metrics import auc
from training.splits import Splits

FOLDS, DATES = 5, 10
COMPARED = ("recency only", "adverts only")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Users of whom only silence tells anything, and only about lapsing."""
    rng = np.random.default_rng(3)
    users = 600
    silence = rng.gamma(1.0, 2.0, users)
    lapses = rng.random(users) < 1 / (1 + np.exp(2.5 - silence / 2))
    cancels = ~lapses & (rng.random(users) < 0.2)
    made = pd.DataFrame(
        {
            "user_id": np.repeat([f"u{user}" for user in range(users)], DATES),
            "as_of": np.tile(np.arange(DATES), users),
            "fold": np.repeat(np.arange(users) % FOLDS, DATES),
            "on_grid": True,
            "cold": False,
            "days_to_cancel": None,
            "silence_days": np.repeat(silence, DATES),
            "cancel": np.repeat(cancels.astype(float), DATES),
            "lapse": np.repeat(lapses.astype(float), DATES),
        }
    )
    others = {name: rng.random(len(made)) for name in baselines.COLUMNS if name not in made}
    return made.assign(**others)


@pytest.fixture(scope="module")
def found(rows: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    splits = Splits.of(FOLDS, DATES, 0, DATES - 1)
    names = baselines.BASELINES["adverts only"]
    # A model that knows nothing, tested like the rest.
    scored = evaluate.out_of_fold(splits, baselines._teller(rows, names), "sigmoid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "BASELINES", {name: baselines.BASELINES[name] for name in COMPARED})
        return baselines.compare(rows, scored, splits, "sigmoid", 30)  # type: ignore[return-value]


def test_pooling_costs_a_baseline_no_rank(rows: pd.DataFrame, found: dict[str, dict[str, dict[str, float]]]) -> None:
    tested = rows[rows["as_of"] >= 3]
    best = auc(tested["lapse"].to_numpy(), tested["silence_days"].to_numpy(), np.ones(len(tested)))
    assert found["lapse"]["recency only"]["auc"] == pytest.approx(best, abs=0.005)


def test_a_model_that_knows_less_is_told_so(found: dict[str, dict[str, dict[str, float]]]) -> None:
    lines = baselines.not_beaten(found)  # type: ignore[arg-type]
    assert any(line.startswith("For lapse the model is not surely better than recency only") for line in lines)
    assert found["lapse"]["recency only"]["auc_above"]["high"] < 0  # type: ignore[index]
    assert found["lapse"]["adverts only"]["auc_above"] == {"value": 0, "low": 0, "high": 0}


def test_every_outcome_and_the_risk_are_compared_with_every_baseline(
    found: dict[str, dict[str, dict[str, float]]],
) -> None:
    assert set(found) == {*OUTCOMES, "risk"}
    assert all(set(one) == set(COMPARED) for one in found.values())
