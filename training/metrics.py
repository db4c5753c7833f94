"""How good probabilities are, each figure with an interval that knows that a user's rows are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

Vector = NDArray[np.float64]
Figures = dict[str, Any]

BINS = 10
TOP_SHARE = 0.10
_COVERED = 0.95


@dataclass(frozen=True)
class Foreseen:
    """What was foreseen of some rows, and what came.

    Attributes:
        user: code of each row's user, from 0.
        label: 0 or 1.
        chance: probability given.
    """

    user: NDArray[np.int64]
    label: Vector
    chance: Vector

    @classmethod
    def of(cls, rows: pd.DataFrame, label: str, chance: str) -> Foreseen:
        """Out of a frame with `user_id` and these columns."""
        return cls(
            pd.factorize(rows["user_id"])[0].astype(np.int64),
            rows[label].to_numpy(dtype=np.float64),
            rows[chance].to_numpy(dtype=np.float64),
        )


def figures(tested: Foreseen, resamples: int, seed: int = 7) -> Figures:
    """Every figure as `{value, low, high}`, beside the counts.

    `auc` is the area under the ROC curve; `pr_auc_over_base` the average precision as a multiple of the base rate;
    `lift_at_10` the rate in the top tenth over the base rate; `brier_skill` 1 - Brier / Brier of the base rate; `ece`
    the expected calibration error over ten bins of equal size. `ece_if_perfect` is what it is on average when the
    probabilities are true, on as many rows; `ece_if_perfect_and_shared` the same when all rows of a user share one
    fate, as overlapping horizons make them do in part. The intervals cover 95 % of resamples of whole users. Where
    nobody or everybody had the outcome, only the counts are given.

    Args:
        tested: rows, labels and probabilities.
        resamples: of users, with replacement; 0 for no intervals.
        seed: of the resamples.
    """
    label = tested.label
    base = float(label.mean()) if len(label) else None
    counts: Figures = {"n": len(label), "positives": int(label.sum()), "base_rate": base}
    if not base or base == 1:
        return counts
    whole = np.ones(len(label))
    values = {name: figure(label, tested.chance, whole) for name, figure in FIGURES.items()}
    drawn = _resampled(tested, resamples, np.random.default_rng(seed))
    return {
        **{name: interval(value, drawn[name], biased=name == "ece") for name, value in values.items()},
        "ece_if_perfect": ece_if_perfect(tested, seed),
        "ece_if_perfect_and_shared": ece_if_perfect(tested, seed, shared=True),
        **counts,
    }


def _resampled(tested: Foreseen, resamples: int, rng: np.random.Generator) -> dict[str, list[float]]:
    drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
    for weight in resampled_users(tested, resamples, rng):
        for name, figure in FIGURES.items():
            drawn[name].append(figure(tested.label, tested.chance, weight))
    return drawn


def resampled_users(tested: Foreseen, resamples: int, rng: np.random.Generator) -> Iterator[Vector]:
    """How often each row counts when as many users are drawn with replacement; draws without both outcomes are left."""
    users = int(tested.user.max()) + 1
    for _ in range(resamples):
        weight = np.bincount(rng.integers(0, users, users), minlength=users)[tested.user].astype(np.float64)
        if 0 < (weight * tested.label).sum() < weight.sum():
            yield weight


def interval(value: float, drawn: Sequence[float], biased: bool = False) -> dict[str, float | None]:
    """A figure with the interval of its resamples.

    Args:
        value: on all rows.
        drawn: on resamples; none of them, no interval.
        biased: resamples are larger on the whole, as a mean of distances is: they are moved back to the value.
    """
    if not drawn:
        return {"value": value, "low": None, "high": None}
    moved = np.asarray(drawn) + (value - np.mean(drawn) if biased else 0.0)
    low, high = np.quantile(np.maximum(moved, 0.0) if biased else moved, [(1 - _COVERED) / 2, (1 + _COVERED) / 2])
    return {"value": value, "low": float(low), "high": float(high)}


def auc(label: Vector, chance: Vector, weight: Vector) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(label, chance, sample_weight=weight))


def pr_auc_over_base(label: Vector, chance: Vector, weight: Vector) -> float:
    """Average precision over the base rate."""
    base = np.average(label, weights=weight)
    return float(average_precision_score(label, chance, sample_weight=weight) / base)


def lift_at_10(label: Vector, chance: Vector, weight: Vector) -> float:
    """Rate among the tenth with the highest chance over the base rate."""
    order = np.argsort(-chance, kind="stable")
    reached = np.cumsum(weight[order])
    # The row on the edge counts in part, so that weights make no jumps.
    taken = np.clip(TOP_SHARE * reached[-1] - (reached - weight[order]), 0, weight[order])
    return float((taken * label[order]).sum() / taken.sum() / np.average(label, weights=weight))


def brier_skill(label: Vector, chance: Vector, weight: Vector) -> float:
    """1 - Brier score / Brier score of the base rate."""
    base = np.average(label, weights=weight)
    return float(1 - brier_score_loss(label, chance, sample_weight=weight) / (base * (1 - base)))


def ece(label: Vector, chance: Vector, weight: Vector) -> float:
    """Mean distance between probability and outcome over bins of equal size (Naeini et al., AAAI 2015)."""
    bins = calibration_bins(label, chance, weight)
    return float(np.average(np.abs(bins["chance"] - bins["rate"]), weights=bins["weight"]))


FIGURES: Mapping[str, Callable[[Vector, Vector, Vector], float]] = {
    "auc": auc,
    "pr_auc_over_base": pr_auc_over_base,
    "lift_at_10": lift_at_10,
    "brier_skill": brier_skill,
    "ece": ece,
}


def calibration_bins(label: Vector, chance: Vector, weight: Vector | None = None) -> pd.DataFrame:
    """Ten bins of equal size by chance: mean `chance`, `rate` of the outcome, `weight` of the bin."""
    weight = np.ones(len(label)) if weight is None else weight
    order = np.argsort(chance, kind="stable")
    reached = np.cumsum(weight[order])
    place = np.minimum((BINS * (reached - weight[order] / 2) / reached[-1]).astype(int), BINS - 1)
    total = np.bincount(place, weight[order], BINS)
    held = total > 0
    return pd.DataFrame(
        {
            "chance": np.bincount(place, (weight * chance)[order], BINS)[held] / total[held],
            "rate": np.bincount(place, (weight * label)[order], BINS)[held] / total[held],
            "weight": total[held],
        }
    )


def ece_if_perfect(tested: Foreseen, seed: int, shared: bool = False, draws: int = 40) -> float:
    """The calibration error that true probabilities would show by chance alone, on as many rows.

    Args:
        tested: whose probabilities are taken for true: labels are drawn by them.
        seed: of the draws.
        shared: one draw per user instead of one per row.
        draws: over which the mean is taken.
    """
    rng = np.random.default_rng(seed)
    rows, users = len(tested.label), int(tested.user.max()) + 1
    whole = np.ones(rows)

    def drawn() -> Vector:
        fate = rng.random(users)[tested.user] if shared else rng.random(rows)
        return (fate < tested.chance).astype(np.float64)

    return float(np.mean([ece(drawn(), tested.chance, whole) for _ in range(draws)]))
