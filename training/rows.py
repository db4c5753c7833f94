"""Training rows of a whole log: made once, kept, and thinned where there are more than a fit can use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.errors import ChurnError
from training.splits import Cell

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


def to_pandas(rows: DataFrame) -> pd.DataFrame:
    """Rows in the memory of this process."""
    return cast("pd.DataFrame", rows.toPandas())


def kept(rows: DataFrame, most: int) -> tuple[DataFrame, int]:
    """Rows in memory, at most about `most` of them, of whole users, in an order that makes a run repeatable.

    How often a policy rings can only be seen on all of a user's rows.

    Returns:
        The rows, and how many there were before.
    """
    made = rows.persist()
    count = made.count()
    share = min(1.0, most / max(1, count))
    drawn = F.pmod(F.xxhash64("user_id", F.lit("thinned")), F.lit(1_000_000)) < round(share * 1_000_000)
    # Few rows, many passes: more partitions would only be more tasks to start.
    partitions = max(1, round(count * share / _ROWS_PER_PARTITION))
    thin = (made if share == 1 else made.where(drawn)).coalesce(partitions)
    held = thin.sortWithinPartitions("user_id", "as_of").persist()
    held.count()
    made.unpersist()
    return held, count


@contextmanager
def in_memory(rows: DataFrame, cells: Sequence[Cell]) -> Iterator[list[DataFrame]]:
    """The rows of some cells, kept for as long as they are needed."""
    held = [rows.where(cell.rows()).persist() for cell in cells]
    try:
        yield held
    finally:
        for each in held:
            each.unpersist()
