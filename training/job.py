"""`churn train`: a log becomes a verified model bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES
from churn.settings import Settings
from training import card, firewall, pipeline, saving
from training.leaky import claimed
from training.report import make
from training.report.importance import importance
from training.report.log_facts import log_facts
from training.report.make import Evidence
from training.rows import fingerprint, kept
from training.snapshots import snapshots
from training.span import require_span, span
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
        ChurnError: the log is too short, or too few users leave in it; or no bundle can be written.
        LeakError: the features seem to know the outcome.
    """
    firewall.pages()
    # Entered first: that nothing can be written there must not be found out after hours of work.
    with saving.building(models) as folder:
        facts = fingerprint(log)
        say(f"Read {facts['events']:,} events of {facts['users']:,} users.")
        span_ms = span(log, say)
        require_span(settings.labels, span_ms, settings.training.date_parts)
        rows, splits = _rows(log, settings, span_ms, say)
        leaky = claimed(log) if settings.training.search else None
        found = study(rows, splits, leaky, settings, say)
        firewall.believable(found.metrics, settings.training.auc_ceiling, accept_suspicious)
        say("Evaluated on held-out users and dates; fitting the final models on all rows.")
        made = card.of(settings, {**facts, "span_ms": span_ms}, found, rows)
        saving.fit(rows, found.final, folder)

        def report(into: Path) -> None:
            moved = importance(bundle.Bundle(into, made), rows)
            make.write(into, Evidence(made, found.scored, leaky, log_facts(log, lines), moved, settings.bands))

        if settings.training.report:
            say("Writing the report.")
            saving.report(report, folder, say)
        return saving.seal(folder, models, made)


def _rows(log: DataFrame, settings: Settings, span_ms: tuple[int, int], say: Say) -> tuple[DataFrame, Splits]:
    """Training rows in memory, in which no leak was found, and who and which dates are held out of them."""
    rows, count = kept(pipeline.assemble(snapshots(log, settings.labels, span_ms)), settings.training.max_rows)
    say(f"Made {count:,} snapshot rows; {rows.count():,} are kept, of whole users.")
    splits = _splits(rows, settings)
    _enough(rows, splits)
    firewall.rows(log, rows, settings.labels, splits)
    say("No leak was found in features and splits.")
    return rows, splits


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
