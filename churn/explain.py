"""Scores and reasons without a JVM: the bundle's ONNX files, its calibration, and group occlusion by driver.

A reason replaces all features of one driver by other values, those of a typical user or of an earlier moment, scores
again, and tells the difference: it says what the model would answer, and adds up to nothing by design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from churn import calibration
from churn.bundle import Bundle, reading
from churn.features import FEATURES, NAMES, Driver, Feature
from churn.outcomes import OUTCOMES
from churn.phrases import DRIVERS, OF_DRIVER, Matrix, phrase, telling

_IN_ORDER = itemgetter(*NAMES)
_LOGGED = [place for place, feature in enumerate(FEATURES) if feature.transform == "log1p"]


@dataclass(frozen=True)
class Risks:
    """Probabilities of `n` users, each an array of that length."""

    p_cancel: Matrix
    p_lapse: Matrix

    @property
    def risk(self) -> Matrix:
        """Chance of either: the two exclude each other."""
        return self.p_cancel + self.p_lapse


class Reason(NamedTuple):
    """What one driver does to a user's risk.

    Attributes:
        driver: the category.
        difference: risk now, less the risk with this driver as it is to be compared with. Positive raises the risk.
        feature: the one of this driver that differs most.
        value: the user's own, raw.
        other: what it is compared with.
        beside: what that is called: `typical`, `before`.
    """

    driver: Driver
    difference: float
    feature: Feature
    value: float
    other: float
    beside: str

    @property
    def words(self) -> str:
        """The user's figure and the other one. Made when asked for: most reasons are too small to be told."""
        return phrase(self.feature, self.value, self.other, self.beside)


class Explainer:
    """Scores feature values by a verified bundle.

    Args:
        bundle: as `churn.bundle.load` returns it.

    Raises:
        ChurnError: it lacks a model, its calibration or the typical user.
    """

    def __init__(self, bundle: Bundle) -> None:
        bundle.require_models()
        self.version, self.horizon_days = bundle.version, bundle.horizon_days
        with reading(bundle.version):
            self._calibrations = [calibration.from_card(bundle.card["calibration"][outcome]) for outcome in OUTCOMES]
            reference: Mapping[str, Any] = bundle.card["reference"]
            self.reference: dict[str, float] = {feature.name: float(reference[feature.name]) for feature in FEATURES}
        options = onnxruntime.SessionOptions()
        # One user is eight rows: a second thread costs more than it brings.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._sessions = [
            onnxruntime.InferenceSession(str(bundle.onnx(outcome)), options, providers=["CPUExecutionProvider"])
            for outcome in OUTCOMES
        ]

    def scores(self, features: Matrix) -> Risks:
        """Scores users.

        Args:
            features: raw values, one row per user, columns in the order of `churn.features.NAMES`.
        """
        inputs = model_inputs(features)
        p_cancel, q = (
            apply(_chance(session, inputs)) for session, apply in zip(self._sessions, self._calibrations, strict=True)
        )
        return Risks(p_cancel, (1 - p_cancel) * q)

    def risks(self, users: Sequence[Mapping[str, float]]) -> list[float]:
        """The risk of each of some users, by their raw values by name."""
        risks: list[float] = self.scores(_values(users)).risk.tolist()
        return risks

    def chances(self, features: Mapping[str, float]) -> tuple[float, float]:
        """p_cancel and p_lapse of one user, by raw values by name."""
        risks = self.scores(_values([features]))
        return float(risks.p_cancel[0]), float(risks.p_lapse[0])

    def reasons(self, features: Mapping[str, float], against: Mapping[str, float] | None = None) -> list[Reason]:
        """Each driver's part in a user's risk, the largest first.

        Args:
            features: raw values by name.
            against: what to compare with; by default a typical user, else the same user at an earlier moment.
        """
        return self.reasons_of([(features, against)])[0]

    def reasons_of(self, users: Sequence[tuple[Mapping[str, float], Mapping[str, float] | None]]) -> list[list[Reason]]:
        """The same of many users, each with what to compare with, in one run of the models."""
        if not users:
            return []
        others = [self.reference if against is None else against for _, against in users]
        values, compared = _values([features for features, _ in users]), _values(others)
        risks = self.scores(_occluded(values, compared)).risk.reshape(len(users), 1 + len(DRIVERS))
        differences = risks[:, :1] - risks[:, 1:]
        return [
            [
                Reason(DRIVERS[d], by_driver[d], FEATURES[places[d]], mine[places[d]], theirs[places[d]], beside)
                for d in order
            ]
            for order, by_driver, places, mine, theirs, beside in zip(
                np.argsort(-np.abs(differences), axis=1, kind="stable").tolist(),
                differences.tolist(),
                telling(values, compared).tolist(),
                values.tolist(),
                compared.tolist(),
                ["typical" if against is None else "before" for _, against in users],
                strict=True,
            )
        ]


def _chance(session: onnxruntime.InferenceSession, inputs: NDArray[np.float32]) -> Matrix:
    """The probability of the outcome; the file's other output is the more likely class."""
    [name] = [output.name for output in session.get_outputs() if output.name.endswith("probability")]
    both: NDArray[np.float32] = session.run([name], {"inputs": inputs})[0]
    return both[:, 1].astype(np.float64)


def model_inputs(features: Matrix) -> NDArray[np.float32]:
    """Raw values as the models take them: `churn.model.input_value` in numpy."""
    inputs = features.copy()
    inputs[:, _LOGGED] = np.log1p(features[:, _LOGGED])
    return inputs.astype(np.float32)


def _values(users: Sequence[Mapping[str, float]]) -> Matrix:
    """Raw values by name as rows, in the order of the table."""
    return np.array(list(map(_IN_ORDER, users)), dtype=np.float64)


def _occluded(users: Matrix, others: Matrix) -> Matrix:
    """Each user as they are, and below once per driver with that driver's features replaced."""
    changed = np.where(OF_DRIVER, others[:, None, :], users[:, None, :])
    return np.concatenate([users[:, None, :], changed], axis=1).reshape(-1, len(NAMES))
