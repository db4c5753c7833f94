"""What a model must beat: the base rate, and one simple thing at a time, tested like the model itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from churn.outcomes import OUTCOMES, Outcome
from training.metrics import auc, pr_auc_over_base
from training.splits import Split, Splits

BASELINES: dict[str, tuple[str, ...]] = {
    "base rate": (),
    "level only": ("paid",),
    "recency only": ("silence_days",),
    "adverts only": ("adverts_3d", "adverts_14d"),
}
COLUMNS = (
    "user_id",
    "fold",
    "as_of",
    "on_grid",
    "cold",
    *OUTCOMES,
    *(name for names in BASELINES.values() for name in names),
)


def compare(rows: pd.DataFrame, splits: Splits) -> dict[str, Any]:
    """`auc` and `pr_auc_over_base` by outcome and baseline, over the rows on which the model is tested."""
    return {
        outcome: {name: _figures(rows, splits, outcome, names) for name, names in BASELINES.items()}
        for outcome in OUTCOMES
    }


def _figures(rows: pd.DataFrame, splits: Splits, outcome: Outcome, names: tuple[str, ...]) -> dict[str, float]:
    if not names:
        return {"auc": 0.5, "pr_auc_over_base": 1.0}
    tests = [_tested(rows, split, outcome, names) for fold in range(splits.folds) for split in splits.tests(fold)]
    label, chance = (np.concatenate(part) for part in zip(*tests, strict=True))
    if not 0 < label.sum() < len(label):
        return {"auc": 0.5, "pr_auc_over_base": 1.0}
    whole = np.ones(len(label))
    return {"auc": auc(label, chance, whole), "pr_auc_over_base": pr_auc_over_base(label, chance, whole)}


def _tested(
    rows: pd.DataFrame, split: Split, outcome: Outcome, names: tuple[str, ...]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    train = rows[split.train.among(rows)]
    test = rows[split.test(split.left_out[0]).among(rows) & rows["on_grid"] & ~rows["cold"]]
    label = test[outcome].to_numpy()
    if train[outcome].nunique() < 2 or test.empty:
        return label, np.zeros(len(test))
    fitted = LogisticRegression().fit(np.log1p(train[list(names)].to_numpy()), train[outcome])
    return label, fitted.predict_proba(np.log1p(test[list(names)].to_numpy()))[:, 1]
