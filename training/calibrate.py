"""Fits the calibration of a probability; `churn.calibration` applies it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from churn.calibration import EDGE, Calibration, Isotonic, Sigmoid
from churn.settings import CalibrationKind

Vector = NDArray[np.float64]

MOST_KNOTS = 24
"""Each knot is a branch in Spark's expression; more would follow the noise of one fold."""


def fit(kind: CalibrationKind, chance: Vector, label: Vector) -> Calibration:
    """Fits on probabilities that a model gave to rows it was not trained on.

    With only one kind of label there is nothing to learn from: probabilities stay as they are.
    """
    if len(np.unique(label)) < 2:
        return Sigmoid()
    return _sigmoid(chance, label) if kind == "sigmoid" else _isotonic(chance, label)


def _sigmoid(chance: Vector, label: Vector) -> Sigmoid:
    kept = np.clip(chance, EDGE, 1 - EDGE)
    logit = np.log(kept / (1 - kept)).reshape(-1, 1)
    # A penalty this weak only keeps the solver from running off where the labels are separable.
    fitted = LogisticRegression(C=1e4, max_iter=1000).fit(logit, label)
    return Sigmoid(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def _isotonic(chance: Vector, label: Vector) -> Isotonic:
    fitted = IsotonicRegression(out_of_bounds="clip").fit(chance, label)
    x = np.unique(np.quantile(fitted.X_thresholds_, np.linspace(0, 1, MOST_KNOTS)))
    return Isotonic(tuple(map(float, x)), tuple(map(float, fitted.predict(x))))
