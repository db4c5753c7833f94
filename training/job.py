"""`churn train`: a log becomes a verified model bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pandas
import psutil
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES, Outcome
from churn.settings import Settings
from training import baselines, card, evaluate, firewall, onnx, pipeline, selection
from training.candidates import Candidate
from training.leaky import claimed
from training.metrics import Foreseen, auc
from training.report import make
from training.report.importance import importance
from training.report.log_facts import log_facts
from training.report.make import Evidence
from training.rows import fingerprint, kept, require_span, require_unbroken, to_pandas
from training.snapshots import snapshots
from training.splits import FIRST_TESTED, Splits

FEWEST_LEAVERS = 5
"""People who leave in either way at the tested dates: about fewer, no figure means anything."""

Say = Callable[[str], None]


def train(
    log: DataFrame,
    models: Path,
    settings: Settings,
    say: Say,
    accept_suspicious: bool = False,
    lines: DataFrame | None = None,
) -> bundle.Bundle:
    """Trains on one log and makes the new bundle the current one.

    Args:
        log: events as `churn.parsing.read_log` gives them; it is read several times.
        models: the folder of bundles.
        settings: labels, training, bands, policy.
        say: told of each step.
        accept_suspicious: go on when the AUC for cancel is above the ceiling.
        lines: `value`, the log as it came, for the report's table of what it holds.

    Raises:
        ChurnError: the log is too short, or too few users leave in it.
        LeakError: the features seem to know the outcome.
    """
    firewall.pages()
    facts = fingerprint(log)
    say(f"Read {facts['events']:,} events of {facts['users']:,} users.")
    require_unbroken(log)
    span_ms = (facts["first_ms"], facts["last_ms"])
    require_span(settings.labels, span_ms, settings.training.date_parts)
    rows, count = kept(pipeline.assemble(snapshots(log, settings.labels, span_ms)), settings.training.max_rows)
    say(f"Made {count:,} snapshot rows; {rows.count():,} are kept, of whole users.")
    splits = _splits(rows, settings)
    _enough(rows, splits)
    firewall.rows(log, rows, settings.labels, splits)
    say("No leak was found in features and splits.")
    tried, chosen = selection.select(rows, splits, settings.training, say)
    scored = evaluate.out_of_fold(splits, evaluate.teller(rows, chosen), settings.training.calibration, say)
    leaky = claimed(log) if settings.training.search else None
    metrics = _judged(rows, scored, leaky, splits, settings)
    firewall.believable(metrics, settings.training.auc_ceiling, accept_suspicious)
    for line in baselines.not_beaten(metrics["baselines"]):
        say(f"Beware: {line}")
    say("Evaluated on held-out users and dates; fitting the final models on all rows.")
    final = {o: selection.overall(tried[o]) if tried[o] else chosen[o, 0] for o in OUTCOMES}
    made = card.head(settings, facts) | {
        "models": {outcome: final[outcome].to_card() for outcome in OUTCOMES},
        "calibration": card.calibrations(scored, settings.training.calibration),
        "split": {"folds": splits.folds, "edges_ms": splits.edges_ms, "held_out": "users and dates"},
        "selection": {outcome: [one.to_card() for one in tried[outcome]] for outcome in OUTCOMES},
        "metrics": metrics,
        "thresholds": card.thresholds(scored, settings),
        "reference": card.reference(rows),
    }

    def report(folder: Path) -> None:
        say("Writing the report.")
        moved = importance(bundle.Bundle(folder, made), rows)
        make.write(folder, Evidence(made, scored, leaky, log_facts(log, lines), moved, settings.bands))

    result = _save(rows, models, made, final, report if settings.training.report else None)
    bundle.use(models, result.version)
    return result


def _judged(
    rows: DataFrame, scored: pandas.DataFrame, leaky: Foreseen | None, splits: Splits, settings: Settings
) -> dict[str, Any]:
    """The metrics of the card: the model's own, what it must beat, and what the leaky protocol would have claimed."""
    training = settings.training
    known = to_pandas(rows.select(*baselines.COLUMNS))
    compared = baselines.compare(known, scored, splits, training.calibration, training.resamples)
    metrics: dict[str, Any] = {**evaluate.report(scored, training.resamples), "baselines": compared}
    if leaky is not None:
        metrics["leaky_protocol"] = {"cancel": {"auc": auc(leaky.label, leaky.chance, numpy.ones(len(leaky.label)))}}
    return metrics


def _splits(rows: DataFrame, settings: Settings) -> Splits:
    first, last = rows.agg(F.min("as_of"), F.max("as_of")).first() or (None, None)
    if first is None or last is None:
        raise ChurnError("The log gives no training row.", "Give a log in which users are seen over more days.")
    return Splits.of(settings.labels.folds, settings.training.date_parts, first, last)


def _enough(rows: DataFrame, splits: Splits) -> None:
    leavers = [F.countDistinct(F.when(F.col(outcome) == 1, F.col("user_id"))).alias(outcome) for outcome in OUTCOMES]
    found = rows.where(F.col("as_of") >= splits.edges_ms[FIRST_TESTED]).agg(*leavers).first()
    for outcome in OUTCOMES:
        if found is None or found[outcome] < FEWEST_LEAVERS:
            raise ChurnError(
                f"Only {0 if found is None else found[outcome]} people {outcome} within the horizon at the dates that "
                "are tested; no figure about them could be trusted.",
                f"Give a log with more users or more days: at least {FEWEST_LEAVERS} are needed.",
            )


def _save(
    rows: DataFrame,
    models: Path,
    made: dict[str, Any],
    final: Mapping[Outcome, Candidate],
    report: Callable[[Path], None] | None,
) -> bundle.Bundle:
    """Fits on every row and writes the bundle beside its final place, then moves it there in one step."""
    with _building(models) as folder:
        for outcome in OUTCOMES:
            model = pipeline.fit(rows, outcome, final[outcome])
            onnx.write(rows.sparkSession, model, outcome, folder / f"{outcome}.onnx")
            pipeline.deployable(model, outcome).write().overwrite().save(str(folder / outcome))
            # On a cluster the workers write: what this machine cannot read back is no bundle.
            PipelineModel.load(str(folder / outcome))
        if report:
            report(folder)
        bundle.seal(folder, made)
        folder.rename(models / made["version"])
    return bundle.load(models, made["version"])


@contextmanager
def _building(models: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, unless it was moved away: nothing half-written stays among the models."""
    for left in models.glob(".building-*"):  # by a run that was killed
        if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    folder = models / f".building-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
