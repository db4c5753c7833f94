"""From accumulators to score records: `churn.rolling.features` in numpy, the bundle's models by onnxruntime."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.accumulators import (
    AS_OF,
    CANCELLED_AT,
    EVENTS,
    HEARTBEATS,
    LAST_EVENT,
    LEVEL_AT,
    OPENED,
    RECEIVED_MS,
    REGISTRATION,
    SUMS,
    VERSION,
    WIDTH,
)
from churn.bundle import Bundle
from churn.explain import Explainer
from churn.features import DECAYED_SUMS, FEATURES, LANDMARK_MS, NAMES
from churn.outcomes import Status
from churn.scores import Score
from churn.settings import DAY_MS

Matrix = NDArray[np.float64]

_DECAYS = np.array([feature.decay_per_ms for feature in DECAYED_SUMS])
_STATUS: tuple[Status, ...] = ("active", "lapsed", "cancelled")


def matrix(held: Sequence[array[float] | bytes]) -> Matrix:
    """The accumulators of `n` users as a matrix of that many rows."""
    return np.frombuffer(b"".join(held)).reshape(-1, WIDTH)


def features(rows: Matrix) -> Matrix:
    """Every feature of the table, as of each row's `as_of`."""
    values = np.empty((len(rows), len(FEATURES)))
    as_of, last_event, level_at = rows[:, AS_OF], rows[:, LAST_EVENT], rows[:, LEVEL_AT]
    values[:, :SUMS] = rows[:, :SUMS] * np.exp((as_of[:, None] - LANDMARK_MS) * -_DECAYS)
    # Of a user who has only cancelled there is no level, no registration and no last event.
    own = {
        "level": np.where(level_at > 0, level_at, 0) % 2,
        "tenure": as_of - np.minimum(rows[:, REGISTRATION], as_of),
        "silence": as_of - np.where(last_event > 0, last_event, as_of),
    }
    for place, feature in enumerate(FEATURES[SUMS:], SUMS):
        values[:, place] = own[feature.kind] / (1 if feature.kind == "level" else feature.unit_ms)
    return values


def statuses(rows: Matrix, horizon_days: int) -> list[Status]:
    """`churn.outcomes.status` of each row."""
    last_event, cancelled_at = rows[:, LAST_EVENT], rows[:, CANCELLED_AT]
    lapsed = np.isfinite(last_event) & (rows[:, AS_OF] - last_event >= horizon_days * DAY_MS)
    cancelled = np.isfinite(cancelled_at) & (cancelled_at >= last_event)
    return [_STATUS[place] for place in np.where(cancelled, 2, lapsed.astype(int)).tolist()]


class Scorer:
    """Scores users by a verified bundle.

    Args:
        model: as `churn.bundle.load` returns it.
        epoch: of every score.

    Raises:
        ChurnError: the bundle lacks a model.
    """

    def __init__(self, model: Bundle, epoch: int) -> None:
        self._model, self._epoch, self._explainer = model, epoch, Explainer(model)

    def scores(self, user_ids: Sequence[str], held: Sequence[array[float] | bytes]) -> list[Score]:
        """One score per user, all in one run of each model.

        Args:
            user_ids: of whom.
            held: the accumulators of each.
        """
        rows = matrix(held)
        values = features(rows)
        risks = self._explainer.scores(values)
        columns = (rows.tolist(), values.tolist(), statuses(rows, self._model.horizon_days))
        chances = (risks.p_cancel.tolist(), risks.p_lapse.tolist(), risks.risk.tolist())
        return [
            Score(
                user_id=user_id,
                epoch=self._epoch,
                version=int(row[VERSION]),
                as_of=int(row[AS_OF]),
                last_event=_whole(row[LAST_EVENT]),
                events=int(row[EVENTS]),
                opened=int(row[OPENED]),
                heartbeats=int(row[HEARTBEATS]),
                level="paid" if row[LEVEL_AT] % 2 == 1 else "free",
                status=status,
                p_cancel=p_cancel,
                p_lapse=p_lapse,
                risk=risk,
                features=dict(zip(NAMES, value, strict=True)),
                model_version=self._model.version,
                received_ms=_whole(row[RECEIVED_MS]),
            )
            for user_id, row, value, status, p_cancel, p_lapse, risk in zip(user_ids, *columns, *chances, strict=True)
        ]


def _whole(value: float) -> int | None:
    """A time, None where there is none."""
    return int(value) if isfinite(value) else None
