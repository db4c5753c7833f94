"""How good the whole procedure is on users and dates that it never saw; and a bundle on any log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from churn.calibration import Calibration
from churn.outcomes import OUTCOMES, Outcome
from churn.settings import CalibrationKind
from training import calibrate, pipeline
from training.candidates import Candidate
from training.metrics import Figures, Foreseen, Vector, figures
from training.rows import to_pandas
from training.snapshots import FACTS
from training.splits import Split, Splits

KEPT = ("user_id", "as_of", *FACTS, *OUTCOMES, "paid", "tenure_days", "silence_days")
"""What of a tested row the figures and the report need."""

Chosen = Mapping[tuple[Outcome, int], Candidate]
"""The candidate for an outcome and a test fold."""


def out_of_fold(
    rows: DataFrame, splits: Splits, chosen: Chosen, kind: CalibrationKind, say: Callable[[str], None]
) -> pd.DataFrame:
    """Probabilities for every test row, each from a model that saw neither its user nor its dates.

    Returns:
        :data:`KEPT`, `p_cancel, p_lapse, risk`, and `said_cancel, said_lapse`: what the models said before calibration.
    """
    parts = []
    for fold in range(splits.folds):
        parts += [_tested(rows, split, chosen, kind) for split in splits.tests(fold)]
        say(f"Tested fold {fold + 1} of {splits.folds}.")
    return with_risk(pd.concat(parts, ignore_index=True))


def _tested(rows: DataFrame, split: Split, chosen: Chosen, kind: CalibrationKind) -> pd.DataFrame:
    trained, later, tested = (rows.where(cell.rows()).persist() for cell in (split.train, split.calibrate, split.test))
    try:
        # Side by side: a fit is many small Spark jobs, and one alone leaves a core idle.
        with ThreadPoolExecutor(len(OUTCOMES)) as pool:
            said = pool.map(lambda o: _said(trained, later, tested, o, chosen[o, split.fold], kind), OUTCOMES)
        return to_pandas(tested.select(*KEPT)).assign(**{name: each for part in said for name, each in part.items()})
    finally:
        for frame in (trained, later, tested):
            frame.unpersist()


def _said(
    trained: DataFrame,
    later: DataFrame,
    tested: DataFrame,
    outcome: Outcome,
    candidate: Candidate,
    kind: CalibrationKind,
) -> dict[str, Vector]:
    """What a model says of the tested rows, before and after calibration."""
    model = pipeline.fit(trained, outcome, candidate)
    chance = pipeline.chance(outcome).alias("chance")
    held = to_pandas(pipeline.usable(model.transform(later), outcome).select(outcome, chance))
    apply = calibrate.fit(kind, held["chance"].to_numpy(), held[outcome].to_numpy())
    said = to_pandas(model.transform(tested).select(chance))["chance"].to_numpy()
    return {f"said_{outcome}": said, f"q_{outcome}": apply(said)}


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
        "test": scored[grid & warm],
        "test_at_events": scored[~grid & warm],
        "test_cold": scored[grid & ~warm],
    }
    return {
        name: {
            what: figures(Foreseen.of(rows, label, chance), resamples if name == "test" else resamples // 4)
            for what, (label, chance) in COLUMNS.items()
        }
        for name, rows in views.items()
    }


def final_calibrations(scored: pd.DataFrame, kind: CalibrationKind) -> dict[Outcome, Calibration]:
    """Calibrations for the final models, fitted on all that was said out of fold."""
    held: dict[Outcome, pd.DataFrame] = {"cancel": scored, "lapse": scored[scored["cancel"] == 0]}
    return {
        outcome: calibrate.fit(kind, rows[f"said_{outcome}"].to_numpy(), rows[outcome].to_numpy(dtype=np.float64))
        for outcome, rows in held.items()
    }


def enough(scored: pd.DataFrame, outcomes: Sequence[Outcome], fewest: int) -> tuple[Outcome, int] | None:
    """The first outcome that too few tested rows ended in, and how many did; None when all is well."""
    counts = ((outcome, int(scored[outcome].sum())) for outcome in outcomes)
    return next((found for found in counts if found[1] < fewest), None)
