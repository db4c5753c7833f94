"""`churn evaluate`: a bundle on any log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.bundle import Bundle, reading
from churn.model import load_scorer
from churn.outcomes import OUTCOMES
from churn.settings import Labels, Settings
from training import evaluate as evaluation
from training.rows import fingerprint, kept, to_pandas
from training.snapshots import FACTS, snapshots
from training.span import require_span, span


def evaluate(held: Bundle, log: DataFrame, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Scores every snapshot of a log, and compares with what happened.

    Args:
        held: the bundle; its own horizon and spacing are used.
        log: events as `churn.parsing.read_log` gives them.
        settings: resamples, most rows.
        say: told of each step.

    Returns:
        The `metrics` of a card, without baselines, beside `model_version`, `data`, and `trained_on_this_log`: then
        the figures tell how well the model remembers, not how well it foresees.

    Raises:
        ChurnError: the log is too short, or silent for weeks; or the bundle cannot score.
    """
    with reading(held.version):
        labels, known = Labels(**held.card["labels"]), held.card["data"]["sum"]
    score = load_scorer(held)
    facts = fingerprint(log)
    say(f"Read {facts['events']:,} events of {facts['users']:,} users.")
    remembered = facts["sum"] == known
    if remembered:
        say("Beware: the model was trained on this very log. These figures are not about anything it had not seen.")
    span_ms = span(log, say)
    require_span(labels, span_ms, 1)
    rows, made = kept(snapshots(log, labels, span_ms), settings.training.max_rows)
    say(f"Made {made:,} snapshot rows; scoring them.")
    leaves = (F.col("cancel") + F.col("lapse")).alias("leaves")
    scored = score(rows).select("user_id", "as_of", *FACTS, *OUTCOMES, "paid", "p_cancel", "p_lapse", "risk", leaves)
    metrics = evaluation.report(to_pandas(scored), settings.training.resamples)
    rows.unpersist()
    data = {**facts, "span_ms": span_ms}
    return {"model_version": held.version, "data": data, "trained_on_this_log": remembered, **metrics}
