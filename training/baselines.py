"""What a model must beat: the base rate, and one simple thing at a time, tested like the model itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from churn.outcomes import OUTCOMES, Outcome
from churn.settings import CalibrationKind
from training import evaluate
from training.metrics import Foreseen, Vector, auc, interval, pr_auc_over_base, resampled_users
from training.splits import Split, Splits

BASELINES: dict[str, tuple[str, ...]] = {
    "base rate": (),
    "level only": ("paid",),
    "recency only": ("silence_days",),
    "adverts only": ("adverts_3d", "adverts_14d"),
}
COLUMNS = tuple(dict.fromkeys((*evaluate.KEPT, *(name for names in BASELINES.values() for name in names))))


def compare(
    rows: pd.DataFrame, scored: pd.DataFrame, splits: Splits, kind: CalibrationKind, resamples: int
) -> dict[str, dict[str, Any]]:
    """Every baseline's `auc` and `pr_auc_over_base`, and how far the model's AUC lies above it, with its interval.

    By outcome, and for the risk, by which people are ranked: it may tell less than either of its parts.

    Args:
        rows: :data:`COLUMNS` of every training row.
        scored: what the model said out of fold, as `training.evaluate.out_of_fold` returns it.
        splits: by which it was tested.
        kind: of its calibration.
        resamples: of users, the same for both.
    """
    said = {name: evaluate.out_of_fold(splits, _teller(rows, names), kind) for name, names in BASELINES.items()}
    return {
        what: {name: _beside(scored, told, what, resamples) for name, told in said.items()} for what in evaluate.COLUMNS
    }


def not_beaten(found: dict[str, dict[str, Any]]) -> list[str]:
    """In words, which baselines the model is not surely better than."""
    return [
        f"For {what} the model is not surely better than {name}: the difference of their AUCs lies between "
        f"{above['low']:+.3f} and {above['high']:+.3f}."
        for what, baselines in found.items()
        for name, one in baselines.items()
        if (above := one["auc_above"]) and above["low"] is not None and above["low"] <= 0
    ]


def _teller(rows: pd.DataFrame, names: tuple[str, ...]) -> evaluate.Teller:
    def tell(split: Split) -> pd.DataFrame:
        trained, held = (rows[cell.among(rows)] for cell in (split.train, split.held_out()))
        said = {evaluate.SAID[outcome]: _chances(trained, held, outcome, names) for outcome in OUTCOMES}
        return held[list(evaluate.KEPT)].assign(**said)

    return tell


def _chances(trained: pd.DataFrame, held: pd.DataFrame, outcome: Outcome, names: tuple[str, ...]) -> Vector:
    known = trained if outcome == "cancel" else trained[trained["cancel"] == 0]
    if not names or known[outcome].nunique() < 2 or held.empty:
        return np.full(len(held), known[outcome].mean() if len(known) else 0.5)
    fitted = LogisticRegression().fit(_inputs(known, names), known[outcome])
    chances: Vector = fitted.predict_proba(_inputs(held, names))[:, 1]
    return chances


def _inputs(rows: pd.DataFrame, names: tuple[str, ...]) -> Vector:
    inputs: Vector = np.log1p(rows[list(names)].to_numpy(dtype=np.float64))
    return inputs


def _beside(scored: pd.DataFrame, told: pd.DataFrame, what: str, resamples: int) -> dict[str, Any]:
    model, baseline = (Foreseen.of(evaluate.on_the_grid(rows), *evaluate.COLUMNS[what]) for rows in (scored, told))
    if not 0 < model.label.sum() < len(model.label):
        return {"auc": None, "pr_auc_over_base": None, "auc_above": None}
    whole = np.ones(len(model.label))

    def above(weight: Vector) -> float:
        return auc(model.label, model.chance, weight) - auc(model.label, baseline.chance, weight)

    drawn = [above(weight) for weight in resampled_users(model, resamples, np.random.default_rng(7))]
    return {
        "auc": auc(baseline.label, baseline.chance, whole),
        "pr_auc_over_base": pr_auc_over_base(baseline.label, baseline.chance, whole),
        "auc_above": interval(above(whole), drawn),
    }
