"""How good a model is on users and dates that it never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from churn.model import with_risk
from churn.outcomes import OUTCOMES, Outcome
from training import pipeline

TRAINED_SHARE = 0.6
"""Folds train on the first part of the snapshot dates and are tested on the rest."""

MEDIUM_SHARE, HIGH_SHARE = 0.20, 0.05
"""Shares of active users, by risk, that the thresholds of the bands are set to hold."""


def out_of_fold(rows: DataFrame, folds: int, time_cut_ms: int) -> pd.DataFrame:
    """Probabilities for rows after `time_cut_ms`, each from a model that saw neither its user nor its dates.

    Returns:
        `user_id, as_of, on_grid, cancel, lapse, p_cancel, p_lapse, risk` of every fold, pooled.
    """
    return pd.concat([_tested(rows, fold, time_cut_ms) for fold in range(folds)], ignore_index=True)


def _tested(rows: DataFrame, fold: int, time_cut_ms: int) -> pd.DataFrame:
    trained = rows.where((F.col("fold") != fold) & (F.col("as_of") <= time_cut_ms))
    tested = rows.where((F.col("fold") == fold) & (F.col("as_of") > time_cut_ms))
    for model in pipeline.fit_both(trained).values():
        tested = model.transform(tested)
    scored = with_risk(tested).select("user_id", "as_of", "on_grid", *OUTCOMES, "p_cancel", "p_lapse", "risk")
    return scored.toPandas()


def metrics(scored: pd.DataFrame, outcome: Outcome) -> dict[str, float | int | None]:
    """Figures of one outcome over pooled out-of-fold rows.

    `auc` is the area under the ROC curve; `pr_auc_over_base` the average precision as a multiple of the base rate;
    `lift_at_10` the rate in the top tenth over the base rate; `brier_skill` 1 - Brier / Brier of the base rate.
    Where nobody or everybody had the outcome, only the counts are given.
    """
    chance, label = scored[f"p_{outcome}"].to_numpy(), scored[outcome].to_numpy()
    base = float(label.mean()) if len(label) else None
    counts = {"n": len(label), "positives": int(label.sum()), "base_rate": base}
    if not base or base == 1:
        return counts
    top = np.argsort(-chance, kind="stable")[: max(1, len(chance) // 10)]
    return {
        "auc": float(roc_auc_score(label, chance)),
        "pr_auc_over_base": float(average_precision_score(label, chance)) / base,
        "lift_at_10": float(label[top].mean()) / base,
        "brier_skill": 1 - float(brier_score_loss(label, chance)) / (base * (1 - base)),
        **counts,
    }


def thresholds(scored: pd.DataFrame) -> dict[str, float]:
    """Risk at which the medium and the high band begin, from the grid rows: what active users look like."""
    risk = scored.loc[scored["on_grid"], "risk"]
    return {"medium": float(risk.quantile(1 - MEDIUM_SHARE)), "high": float(risk.quantile(1 - HIGH_SHARE))}


def report(scored: pd.DataFrame) -> dict[str, Any]:
    """Metrics of both outcomes, on grid rows and on event rows: the stream scores at events."""
    views = {"test": scored[scored["on_grid"]], "test_at_events": scored[~scored["on_grid"]]}
    return {name: {outcome: metrics(rows, outcome) for outcome in OUTCOMES} for name, rows in views.items()}
