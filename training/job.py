"""`churn train`: a log becomes a verified model bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version as release
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyspark
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle
from churn.errors import ChurnError
from churn.features import LANDMARK_MS, table_hash
from churn.outcomes import OUTCOMES
from churn.settings import DAY_MS, Labels
from training import evaluate, pipeline
from training.snapshots import snapshots

FEWEST_POSITIVES = 20


def train(log: DataFrame, models: Path, labels: Labels, say: Callable[[str], None]) -> bundle.Bundle:
    """Trains on one log and makes the new bundle the current one.

    Args:
        log: events as `churn.parsing.read_log` gives them; it is read several times.
        models: the folder of bundles.
        labels: outcomes' settings.
        say: told of each step.

    Raises:
        ChurnError: the log is too short, or too few users leave in it.
    """
    facts = fingerprint(log)
    say(f"Read {facts['events']:,} events of {facts['users']:,} users.")
    rows = _rows(log, labels, (facts["first_ms"], facts["last_ms"]))
    say(f"Made {rows.count():,} snapshot rows; fitting {labels.folds} folds of users and the final model.")
    first, last = rows.agg(F.min("as_of"), F.max("as_of")).first() or (0, 0)
    time_cut = int(first + (last - first) * evaluate.TRAINED_SHARE)
    tested = evaluate.out_of_fold(rows, labels.folds, time_cut)
    _enough(tested)
    card = _card(labels, facts) | {
        "split": {"folds": labels.folds, "trained_until_ms": time_cut, "held_out": "users and dates"},
        "metrics": evaluate.report(tested),
        "thresholds": evaluate.thresholds(tested),
    }
    say("Evaluated on held-out users and dates; fitting the final model on all rows.")
    made = _save(rows, models, card)
    bundle.use(models, made.version)
    return made


def fingerprint(log: DataFrame) -> dict[str, Any]:
    """Size and span of a log, and a sum over its events' identities that does not depend on their order."""
    row = log.agg(
        F.count("*").alias("events"),
        F.countDistinct("user_id").alias("users"),
        F.min("ts").alias("first_ms"),
        F.max("ts").alias("last_ms"),
        F.sum(F.xxhash64("user_id", "session_id", "item", "ts", "page").cast("decimal(38,0)"))
        .cast("string")
        .alias("sum"),
    ).first()
    facts: dict[str, Any] = row.asDict() if row else {}
    if not facts.get("events"):
        raise ChurnError(
            "The log holds no valid event of a user.", "Give a log of Sparkify events, one JSON object a line."
        )
    return facts


def _rows(log: DataFrame, labels: Labels, span_ms: tuple[int, int]) -> DataFrame:
    days = (span_ms[1] - span_ms[0]) / DAY_MS
    needed = labels.warm_up_days + labels.horizon_days + 2
    if days < needed:
        raise ChurnError(
            f"The log spans {days:.1f} days; training needs {needed} (warm-up {labels.warm_up_days}, "
            f"horizon {labels.horizon_days}, two to learn from).",
            "Give a longer log, or lower labels.warm_up_days or labels.horizon_days.",
        )
    rows = pipeline.assemble(snapshots(log, labels, span_ms))
    # Few rows, many passes: more partitions would only be more tasks to start. The order makes a run repeatable.
    return rows.coalesce(1).sortWithinPartitions("user_id", "as_of").persist()


def _enough(tested: pandas.DataFrame) -> None:
    for outcome in OUTCOMES:
        positives = int(tested[outcome].sum())
        if positives < FEWEST_POSITIVES:
            raise ChurnError(
                f"Only {positives} held-out rows end in {outcome}; no figure about them could be trusted.",
                f"Give a log with more users or more days: at least {FEWEST_POSITIVES} are needed.",
            )


def _card(labels: Labels, facts: dict[str, Any]) -> dict[str, Any]:
    created = datetime.now(UTC)
    return {
        "version": f"{created:%Y%m%dT%H%M%S%fZ}",
        "created": created.isoformat(timespec="milliseconds"),
        "model": {"kind": "logistic regression", "regularisation": pipeline.REGULARISATION},
        "outcomes": list(OUTCOMES),
        "features": {"hash": table_hash(), "landmark_ms": LANDMARK_MS, "table": bundle.feature_rows()},
        "labels": labels.model_dump(),
        "data": facts,
        "software": {"pyspark": pyspark.__version__, "numpy": numpy.__version__, "churn": release("sparkify-churn")},
    }


def _save(rows: DataFrame, models: Path, card: dict[str, Any]) -> bundle.Bundle:
    """Fits on every row and writes the bundle beside its final place, then moves it there in one step."""
    building = models / f".building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    for outcome, model in pipeline.fit_both(rows).items():
        pipeline.deployable(model, outcome).write().overwrite().save(str(building / outcome))
    bundle.seal(building, card)
    building.rename(models / card["version"])
    return bundle.load(models, card["version"])
