"""How good the whole procedure is on users and dates that it never saw; and a bundle on any log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from churn.calibration import Calibration, expit, logit
from churn.outcomes import OUTCOMES, Outcome
from churn.settings import CalibrationKind
from training import calibrate, pipeline
from training.candidates import Candidate
from training.metrics import Figures, Foreseen, Vector, figures
from training.rows import in_memory, to_pandas
from training.snapshots import FACTS
from training.splits import Split, Splits

KEPT = ("user_id", "as_of", *FACTS, *OUTCOMES, "paid", "tenure_days", "silence_days")
"""What of a tested row the figures and the report need."""

KEYS = ["user_id", "as_of"]
"""What names a row."""

SAID = {outcome: f"said_{outcome}" for outcome in OUTCOMES}

Say = Callable[[str], None]

Chosen = Mapping[tuple[Outcome, int], Candidate]
"""The candidate for an outcome and the first of the two folds that are left out."""

Teller = Callable[[Split], pd.DataFrame]
"""Fits on what a split trains on, and says what it thinks of all that the split leaves out: :data:`KEPT`, and
`said_cancel, said_lapse`, probabilities that are still to be calibrated."""


def out_of_fold(splits: Splits, tell: Teller, kind: CalibrationKind, say: Say = lambda _: None) -> pd.DataFrame:
    """Probabilities for every test row, by models that saw neither its user nor its dates.

    Two models left its fold out; the mean of their log-odds is calibrated on what each said of other users before.

    Returns:
        :data:`KEPT`, `p_cancel, p_lapse, risk`, and `said_cancel, said_lapse`: what was said before calibration; by
        user and moment.
    """
    said: dict[tuple[int, int], pd.DataFrame] = {}
    for fold in range(splits.folds):
        for split in splits.tests(fold):
            said[fold, split.first_ms] = tell(split).sort_values(KEYS, ignore_index=True)
        say(f"Tested fold {fold + 1} of {splits.folds}.")
    tested = [
        _together(split, said[fold, split.first_ms], said[before, split.first_ms], kind)
        for before, fold in ((fold, (fold + 1) % splits.folds) for fold in range(splits.folds))
        for split in splits.tests(fold)
    ]
    return with_risk(pd.concat(tested, ignore_index=True)).sort_values(KEYS, ignore_index=True)


def teller(rows: DataFrame, chosen: Chosen) -> Teller:
    """The chosen candidates."""

    def tell(split: Split) -> pd.DataFrame:
        # Side by side: a fit is many small Spark jobs, and one alone leaves a core idle.
        with (
            in_memory(rows, (split.train, split.held_out())) as (trained, held),
            ThreadPoolExecutor(len(OUTCOMES)) as pool,
        ):
            frame = to_pandas(held.select(*KEPT))
            for told in pool.map(lambda o: _told(trained, held, o, chosen[o, split.left_out[0]]), OUTCOMES):
                frame = frame.merge(told, on=KEYS, validate="one_to_one")
            return frame

    return tell


def _told(trained: DataFrame, held: DataFrame, outcome: Outcome, candidate: Candidate) -> pd.DataFrame:
    model = pipeline.fit(trained, outcome, candidate)
    return to_pandas(model.transform(held).select(*KEYS, pipeline.chance(outcome).alias(SAID[outcome])))


def _together(split: Split, own: pd.DataFrame, other: pd.DataFrame, kind: CalibrationKind) -> pd.DataFrame:
    """The tested rows of a fold, by the two models that left it out.

    Args:
        split: of the model that left out the fold and the next.
        own: what that model said.
        other: what the model said that left out the fold and the one before.
        kind: of the calibration.
    """
    fold = split.left_out[0]
    test = split.test(fold)
    tested, again = own[test.among(own)], other[test.among(other)]
    earlier = pd.concat([frame[(frame["as_of"] < split.first_ms) & (frame["fold"] != fold)] for frame in (own, other)])
    columns: dict[str, Vector] = {}
    for outcome, name in SAID.items():
        chance = expit((logit(tested[name].to_numpy()) + logit(again[name].to_numpy())) / 2)
        usable = earlier if outcome == "cancel" else earlier[earlier["cancel"] == 0]
        apply = calibrate.fit(kind, usable[name].to_numpy(), usable[outcome].to_numpy())
        columns |= {name: chance, f"q_{outcome}": apply(chance)}
    return tested.assign(**columns)


def with_risk(scored: pd.DataFrame) -> pd.DataFrame:
    """Adds `p_cancel`, `p_lapse` and `risk`: who cancels does not lapse."""
    p_cancel = scored["q_cancel"]
    p_lapse = (1 - p_cancel) * scored["q_lapse"]
    return scored.drop(columns=["q_cancel", "q_lapse"]).assign(
        p_cancel=p_cancel, p_lapse=p_lapse, risk=p_cancel + p_lapse, leaves=scored["cancel"] + scored["lapse"]
    )


COLUMNS = {"cancel": ("cancel", "p_cancel"), "lapse": ("lapse", "p_lapse"), "risk": ("leaves", "risk")}
"""Label and probability of each thing that is foreseen."""


def report(scored: pd.DataFrame, resamples: int) -> dict[str, dict[str, Figures]]:
    """Figures of both outcomes and of the risk: on the grid, at events, where the stream scores, and of cold users."""
    warm, grid = ~scored["cold"], scored["on_grid"]
    views = {
        "test": on_the_grid(scored),
        "test_at_events": scored[~grid & warm],
        "test_cold": scored[grid & ~warm],
    }
    return {
        name: {what: figures(Foreseen.of(rows, label, chance), resamples) for what, (label, chance) in COLUMNS.items()}
        for name, rows in views.items()
    }


def on_the_grid(scored: pd.DataFrame) -> pd.DataFrame:
    """The rows by which a model is judged first: heartbeats, of users who are not cold."""
    return scored[scored["on_grid"] & ~scored["cold"]]


def final_calibrations(scored: pd.DataFrame, kind: CalibrationKind) -> dict[Outcome, Calibration]:
    """Calibrations for the final models, fitted on all that was said out of fold."""
    held: dict[Outcome, pd.DataFrame] = {"cancel": scored, "lapse": scored[scored["cancel"] == 0]}
    return {
        outcome: calibrate.fit(kind, rows[SAID[outcome]].to_numpy(), rows[outcome].to_numpy(dtype=np.float64))
        for outcome, rows in held.items()
    }
