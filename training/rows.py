"""Training rows of a whole log: made once, kept, and thinned where there are more than a fit can use."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.errors import ChurnError
from churn.settings import DAY_MS, Labels

_ROWS_PER_PARTITION = 100_000


def fingerprint(log: DataFrame) -> dict[str, Any]:
    """Size and span of a log, and a sum over its events' identities that does not depend on their order.

    Raises:
        ChurnError: no valid event of a user is in it.
    """
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


def require_span(labels: Labels, span_ms: tuple[int, int], parts: int) -> None:
    """Raises ChurnError where a log is too short to be learnt from: each part of its snapshot dates takes a day."""
    days = (span_ms[1] - span_ms[0]) / DAY_MS
    needed = labels.warm_up_days + labels.horizon_days + parts * labels.grid_days
    if days < needed:
        raise ChurnError(
            f"The log spans {days:.1f} days; training needs {needed} (warm-up {labels.warm_up_days}, "
            f"horizon {labels.horizon_days}, {parts * labels.grid_days} to learn from).",
            "Give a longer log, or lower labels.warm_up_days or labels.horizon_days.",
        )


def to_pandas(rows: DataFrame) -> pd.DataFrame:
    """Rows in the memory of this process."""
    return cast("pd.DataFrame", rows.toPandas())


def kept(rows: DataFrame, most: int) -> tuple[DataFrame, int]:
    """Rows in memory, at most about `most` of them, evenly thinned, in an order that makes a run repeatable.

    Returns:
        The rows, and how many there were before.
    """
    made = rows.persist()
    count = made.count()
    share = min(1.0, most / max(1, count))
    drawn = F.pmod(F.xxhash64("user_id", "as_of", F.lit("thinned")), F.lit(1_000_000)) < round(share * 1_000_000)
    # Few rows, many passes: more partitions would only be more tasks to start.
    partitions = max(1, round(count * share / _ROWS_PER_PARTITION))
    thin = (made if share == 1 else made.where(drawn)).coalesce(partitions)
    held = thin.sortWithinPartitions("user_id", "as_of").persist()
    held.count()
    made.unpersist()
    return held, count
