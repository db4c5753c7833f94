"""`churn train`: a log becomes a verified model bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version as release
from pathlib import Path
from typing import Any

import numpy
import onnxruntime
import pandas
import pyspark
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle, calibration
from churn.errors import ChurnError
from churn.explain import Explainer
from churn.features import LANDMARK_MS, NAMES, table_hash
from churn.outcomes import OUTCOMES, Outcome
from churn.settings import DAY_MS, Settings
from training import bands, baselines, evaluate, firewall, onnx, pipeline, selection
from training.candidates import Candidate
from training.leaky import claimed
from training.metrics import Foreseen, auc
from training.report import make
from training.report.importance import MOST_ROWS, measure
from training.report.log_facts import log_facts
from training.report.make import Evidence
from training.rows import fingerprint, kept, require_span, to_pandas
from training.snapshots import snapshots
from training.splits import Splits

FEWEST_POSITIVES = 20

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
    span_ms = (facts["first_ms"], facts["last_ms"])
    require_span(settings.labels, span_ms, settings.training.date_parts)
    rows, count = kept(pipeline.assemble(snapshots(log, settings.labels, span_ms)), settings.training.max_rows)
    say(f"Made {count:,} snapshot rows; {rows.count():,} are kept.")
    splits = _splits(rows, settings)
    firewall.rows(log, rows, settings.labels, splits)
    tried, chosen = selection.select(rows, splits, settings.training, say)
    scored = evaluate.out_of_fold(rows, splits, chosen, settings.training.calibration, say)
    leaky = claimed(log) if settings.training.search else None
    metrics = _judged(rows, scored, leaky, splits, settings)
    firewall.believable(metrics["test"]["cancel"], settings.training.auc_ceiling, accept_suspicious)
    say("Evaluated on held-out users and dates; fitting the final models on all rows.")
    final = {o: selection.overall(tried[o]) if tried[o] else chosen[o, 0] for o in OUTCOMES}
    calibrated = evaluate.final_calibrations(scored, settings.training.calibration)
    card = _card(settings, facts) | {
        "models": {outcome: final[outcome].to_card() for outcome in OUTCOMES},
        "calibration": {outcome: calibration.to_card(fitted) for outcome, fitted in calibrated.items()},
        "split": {"folds": splits.folds, "edges_ms": splits.edges_ms, "held_out": "users and dates"},
        "selection": {outcome: [one.to_card() for one in tried[outcome]] for outcome in OUTCOMES},
        "metrics": metrics,
        "thresholds": bands.thresholds(
            scored[scored["on_grid"]], settings.bands, settings.policy, settings.labels.grid_days
        ),
        "reference": _reference(rows),
    }

    def report(folder: Path) -> None:
        say("Writing the report.")
        sample = to_pandas(
            rows.where("on_grid").select(*NAMES).orderBy(F.xxhash64("user_id", "as_of")).limit(MOST_ROWS)
        )
        moved = measure(Explainer(bundle.Bundle(folder, card)), sample)
        make.write(folder, Evidence(card, scored, leaky, log_facts(log, lines), moved, settings.bands))

    result = _save(rows, models, card, final, report if settings.training.report else None)
    bundle.use(models, result.version)
    return result


def _judged(
    rows: DataFrame, scored: pandas.DataFrame, leaky: Foreseen | None, splits: Splits, settings: Settings
) -> dict[str, Any]:
    """The metrics of the card: the model's own, what it must beat, and what the leaky protocol would have claimed."""
    _enough(scored)
    compared = baselines.compare(to_pandas(rows.select(*baselines.COLUMNS)), splits)
    metrics: dict[str, Any] = {**evaluate.report(scored, settings.training.resamples), "baselines": compared}
    if leaky is not None:
        metrics["leaky_protocol"] = {"cancel": {"auc": auc(leaky.label, leaky.chance, numpy.ones(len(leaky.label)))}}
    return metrics


def _splits(rows: DataFrame, settings: Settings) -> Splits:
    first, last = rows.agg(F.min("as_of"), F.max("as_of")).first() or (None, None)
    if first is None or last is None:
        raise ChurnError("The log gives no training row.", "Give a log in which users are seen over more days.")
    return Splits.of(settings.labels.folds, settings.training.date_parts, first, last)


def _enough(tested: pandas.DataFrame) -> None:
    if few := evaluate.enough(tested, OUTCOMES, FEWEST_POSITIVES):
        outcome, positives = few
        raise ChurnError(
            f"Only {positives} held-out rows end in {outcome}; no figure about them could be trusted.",
            f"Give a log with more users or more days: at least {FEWEST_POSITIVES} are needed.",
        )


def _reference(rows: DataFrame) -> dict[str, float]:
    """The typical user: the median of each feature over active users on the grid."""
    on_grid = rows.where("on_grid")
    medians = on_grid.approxQuantile(list(NAMES), [0.5], 0.001)
    return {name: median[0] for name, median in zip(NAMES, medians, strict=True)}


def _card(settings: Settings, facts: dict[str, Any]) -> dict[str, Any]:
    created = datetime.now(UTC)
    return {
        "version": f"{created:%Y%m%dT%H%M%S%fZ}",
        "created": created.isoformat(timespec="milliseconds"),
        "outcomes": list(OUTCOMES),
        "features": {"hash": table_hash(), "landmark_ms": LANDMARK_MS, "table": bundle.feature_rows()},
        "labels": settings.labels.model_dump(),
        "training": settings.training.model_dump(mode="json"),
        "bands": settings.bands.model_dump(),
        "data": {**facts, "days": round((facts["last_ms"] - facts["first_ms"]) / DAY_MS, 2)},
        "software": {
            "pyspark": pyspark.__version__,
            "numpy": numpy.__version__,
            "onnxruntime": onnxruntime.__version__,
            "churn": release("sparkify-churn"),
        },
    }


def _save(
    rows: DataFrame,
    models: Path,
    card: dict[str, Any],
    final: Mapping[Outcome, Candidate],
    report: Callable[[Path], None] | None,
) -> bundle.Bundle:
    """Fits on every row and writes the bundle beside its final place, then moves it there in one step."""
    with _building(models) as folder:
        for outcome in OUTCOMES:
            model = pipeline.fit(rows, outcome, final[outcome])
            onnx.write(rows.sparkSession, model, outcome, folder / f"{outcome}.onnx")
            pipeline.deployable(model, outcome).write().overwrite().save(str(folder / outcome))
        if report:
            report(folder)
        bundle.seal(folder, card)
        folder.rename(models / card["version"])
    return bundle.load(models, card["version"])


@contextmanager
def _building(models: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, unless it was moved away: nothing half-written stays among the models."""
    folder = models / f".building-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
