"""Which candidate is fitted: by average precision on validation rows; within one standard error the simpler wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from churn.outcomes import OUTCOMES, Outcome
from churn.settings import Training
from training import pipeline
from training.candidates import SIMPLEST_FIRST, Candidate, grid
from training.metrics import Foreseen, pr_auc_over_base, resampled_users
from training.rows import in_memory, to_pandas
from training.splits import Splits

RESAMPLES = 100


@dataclass(frozen=True)
class Tried:
    """A candidate on one validation fold: average precision over the base rate, and its standard error."""

    candidate: Candidate
    fold: int
    value: float
    error: float

    def to_card(self) -> dict[str, Any]:
        """As the model card holds it."""
        return {**self.candidate.to_card(), "fold": self.fold, "pr_auc_over_base": self.value, "error": self.error}


def choose(tried: Sequence[Tried]) -> Candidate:
    """The best of the simplest kind that comes within one standard error of the best of all.

    Within a kind the setting with the highest value is taken: settings of one kind are about equally simple.
    """
    best = max(tried, key=lambda one: one.value)
    good = [one for one in tried if one.value >= best.value - best.error]
    kind = next(kind for kind in SIMPLEST_FIRST if any(one.candidate.kind == kind for one in good))
    return max((one for one in good if one.candidate.kind == kind), key=lambda one: one.value).candidate


def overall(tried: Sequence[Tried]) -> Candidate:
    """As :func:`choose`, on the mean over folds: what the final model is made of."""
    return choose([_mean(candidate, tried) for candidate in dict.fromkeys(one.candidate for one in tried)])


def _mean(candidate: Candidate, tried: Sequence[Tried]) -> Tried:
    """Over folds, whose users are all different: the error of the mean is smaller than theirs."""
    own = [one for one in tried if one.candidate == candidate]
    error = float(np.sqrt(np.sum(np.square([one.error for one in own])))) / len(own)
    return Tried(candidate, -1, float(np.mean([one.value for one in own])), error)


def select(
    rows: DataFrame, splits: Splits, training: Training, say: Callable[[str], None]
) -> tuple[dict[Outcome, list[Tried]], dict[tuple[Outcome, int], Candidate]]:
    """Decides for every outcome and test fold which candidate is fitted.

    Returns:
        What was tried, by outcome, and what was chosen, by outcome and fold.
    """
    candidates = grid(training.candidates)
    tried: dict[Outcome, list[Tried]] = {outcome: [] for outcome in OUTCOMES}
    chosen = {(outcome, fold): candidates[0] for outcome in OUTCOMES for fold in range(splits.folds)}
    if not training.search:
        return tried, chosen
    with ThreadPoolExecutor(len(OUTCOMES)) as pool:
        for fold in range(splits.folds):
            # Trained and validated before any test date and without the fold's users.
            with in_memory(rows, splits.selection(fold)) as (trained, validated):
                found = list(pool.map(partial(try_all, trained, validated, candidates, fold), OUTCOMES))
            for outcome, each in zip(OUTCOMES, found, strict=True):
                tried[outcome] += each
                chosen[outcome, fold] = choose(each)
            say(f"Fold {fold + 1} of {splits.folds}: " + ", ".join(f"{o} by {chosen[o, fold]}" for o in OUTCOMES) + ".")
    return tried, chosen


def try_all(
    trained: DataFrame, validated: DataFrame, candidates: Sequence[Candidate], fold: int, outcome: Outcome
) -> list[Tried]:
    """Every candidate for one test fold."""
    held_out = pipeline.usable(validated, outcome)
    return [_try(trained, held_out, fold, outcome, candidate) for candidate in candidates]


def _try(trained: DataFrame, held_out: DataFrame, fold: int, outcome: Outcome, candidate: Candidate) -> Tried:
    model = pipeline.fit(trained, outcome, candidate)
    said = model.transform(held_out).select("user_id", outcome, pipeline.chance(outcome).alias("chance"))
    return Tried(candidate, fold, *precision(to_pandas(said), outcome))


def precision(scored: pd.DataFrame, outcome: Outcome, seed: int = 7) -> tuple[float, float]:
    """Average precision over the base rate, and its standard error over resamples of users; 0 where nobody left."""
    tested = Foreseen.of(scored, outcome, "chance")
    if not 0 < tested.label.sum() < len(tested.label):
        return 0.0, 0.0
    weights = resampled_users(tested, RESAMPLES, np.random.default_rng(seed))
    drawn = [pr_auc_over_base(tested.label, tested.chance, weight) for weight in weights]
    return pr_auc_over_base(tested.label, tested.chance, np.ones(len(tested.label))), float(np.std(drawn))
