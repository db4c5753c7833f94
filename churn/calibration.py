"""From what a model says to what it means: calibration of a probability, applied alike in Spark and without a JVM.

Sigmoid: sigma(slope · logit(p) + intercept), after Platt, *Probabilistic Outputs for Support Vector Machines* (1999).
Isotonic: a monotone line through knots, after Zadrozny and Elkan, *Transforming Classifier Scores into Accurate
Multiclass Probability Estimates* (KDD 2002). Fitted in `training.calibrate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.settings import CalibrationKind

EDGE = 1e-9
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""


def logit(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities, which are first kept :data:`EDGE` away from 0 and 1."""
    kept = np.clip(chance, EDGE, 1 - EDGE)
    return np.log(kept / (1 - kept))


def expit(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of log-odds."""
    return 1 / (1 + np.exp(-log_odds))


@dataclass(frozen=True)
class Sigmoid:
    """Two numbers; with slope 1 and intercept 0 a probability stays as it is."""

    slope: float = 1.0
    intercept: float = 0.0
    kind: CalibrationKind = "sigmoid"

    def __call__(self, chance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities, of the shape of `chance`."""
        return expit(self.slope * logit(chance) + self.intercept)


@dataclass(frozen=True)
class Isotonic:
    """Knots by rising `x`, with values that never fall; straight lines between, flat outside."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: CalibrationKind = "isotonic"

    def __call__(self, chance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities, of the shape of `chance`."""
        return np.interp(chance, self.x, self.y)


Calibration = Sigmoid | Isotonic


def to_card(calibration: Calibration) -> dict[str, Any]:
    """As the model card holds it."""
    return asdict(calibration)


def from_card(held: Mapping[str, Any]) -> Calibration:
    """What :func:`to_card` wrote.

    Raises:
        KeyError: a number is missing.
    """
    if held["kind"] == "sigmoid":
        return Sigmoid(float(held["slope"]), float(held["intercept"]))
    return Isotonic(_numbers(held["x"]), _numbers(held["y"]))


def _numbers(held: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in held)
