"""Fits the calibration of a probability; `churn.calibration` applies it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from churn.calibration import Calibration, Isotonic, Sigmoid, expit, logit
from churn.settings import CalibrationKind

Vector = NDArray[np.float64]

MOST_KNOTS = 24
"""Each knot is a branch in Spark's expression; more would follow the noise of one fold."""


SLOPE_SPREAD = 0.1
"""Standard deviation of a normal prior on the slope around 1. A part of one fold holds some fifty people who leave: a
slope fitted to them alone is so uncertain that it blurs the ranking over parts and folds."""


def fit(kind: CalibrationKind, chance: Vector, label: Vector) -> Calibration:
    """Fits on probabilities that a model gave to rows it was not trained on.

    With only one kind of label there is nothing to learn from: probabilities stay as they are.
    """
    if len(np.unique(label)) < 2:
        return Sigmoid()
    return _sigmoid(chance, label) if kind == "sigmoid" else _isotonic(chance, label)


def _sigmoid(chance: Vector, label: Vector) -> Sigmoid:
    said = logit(chance)

    def loss(at: Vector) -> tuple[float, Vector]:
        slope, intercept = at
        odds = slope * said + intercept
        missed = expit(odds) - label
        drawn = (slope - 1) / SLOPE_SPREAD**2
        value = (np.logaddexp(0, odds) - label * odds).sum() + drawn * (slope - 1) / 2
        return float(value), np.array([missed @ said + drawn, missed.sum()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True).x
    return Sigmoid(float(slope), float(intercept))


def _isotonic(chance: Vector, label: Vector) -> Isotonic:
    fitted = IsotonicRegression(out_of_bounds="clip").fit(chance, label)
    x = np.unique(np.quantile(fitted.X_thresholds_, np.linspace(0, 1, MOST_KNOTS)))
    return Isotonic(tuple(map(float, x)), tuple(map(float, fitted.predict(x))))
