"""What a training run finds out before the last fit: which candidates, how good on what they never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy
import pandas
from pyspark.sql import DataFrame

from churn.outcomes import OUTCOMES, Outcome
from churn.settings import Settings
from training import baselines, evaluate, selection
from training.candidates import Candidate
from training.metrics import Foreseen, auc
from training.rows import to_pandas
from training.selection import Tried
from training.splits import Splits


@dataclass(frozen=True)
class Study:
    """What was found.

    Attributes:
        splits: who and which dates were held out.
        tried: every candidate on its validation fold, by outcome.
        final: the candidate that the final model is made of, by outcome.
        scored: every tested row, as `training.evaluate.out_of_fold` returns them.
        leaky: what the leaky protocol said of each user; None where it was not run.
        metrics: those of the card: the model's own, what it must beat, what the leaky protocol would have claimed.
        beware: in words, what the models are not surely better than.
    """

    splits: Splits
    tried: Mapping[Outcome, list[Tried]]
    final: Mapping[Outcome, Candidate]
    scored: pandas.DataFrame
    leaky: Foreseen | None
    metrics: dict[str, Any]
    beware: list[str]


def study(
    rows: DataFrame, splits: Splits, leaky: Foreseen | None, settings: Settings, say: Callable[[str], None]
) -> Study:
    """Selects candidates, tests them on held-out users and dates, and compares with the baselines."""
    training = settings.training
    tried, chosen = selection.select(rows, splits, training, say)
    scored = evaluate.out_of_fold(splits, evaluate.teller(rows, chosen), training.calibration, say)
    known = to_pandas(rows.select(*baselines.COLUMNS))
    compared = baselines.compare(known, scored, splits, training.calibration, training.resamples)
    beware = baselines.not_beaten(compared)
    for line in beware:
        say(f"Beware: {line}")
    metrics = {**evaluate.report(scored, training.resamples), "baselines": compared, **_claimed(leaky)}
    final = {
        outcome: selection.overall(tried[outcome]) if tried[outcome] else chosen[outcome, 0] for outcome in OUTCOMES
    }
    return Study(splits, tried, final, scored, leaky, metrics, beware)


def _claimed(leaky: Foreseen | None) -> dict[str, Any]:
    if leaky is None:
        return {}
    return {"leaky_protocol": {"cancel": {"auc": auc(leaky.label, leaky.chance, numpy.ones(len(leaky.label)))}}}
