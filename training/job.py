"""`churn train`: a log becomes a verified model bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES, Outcome
from churn.settings import Settings
from training import card, firewall, onnx, pipeline
from training.candidates import Candidate
from training.leaky import claimed
from training.report import make
from training.report.importance import importance
from training.report.log_facts import log_facts
from training.report.make import Evidence
from training.rows import fingerprint, kept, require_span, require_unbroken
from training.snapshots import snapshots
from training.splits import FIRST_TESTED, Splits
from training.study import study

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
    leaky = claimed(log) if settings.training.search else None
    found = study(rows, splits, leaky, settings, say)
    firewall.believable(found.metrics, settings.training.auc_ceiling, accept_suspicious)
    say("Evaluated on held-out users and dates; fitting the final models on all rows.")
    made = card.of(settings, facts, found, rows)

    def report(folder: Path) -> None:
        say("Writing the report.")
        moved = importance(bundle.Bundle(folder, made), rows)
        make.write(folder, Evidence(made, found.scored, leaky, log_facts(log, lines), moved, settings.bands))

    result = _save(rows, models, made, found.final, report if settings.training.report else None)
    bundle.use(models, result.version)
    return result


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
