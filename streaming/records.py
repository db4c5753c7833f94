"""From scored features to the records of `churn.scores`, as `churn.scores.Score` reads them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import rolling
from churn.features import NAMES
from churn.scores import FIELDS
from churn.settings import DAY_MS


def to_records(scored: DataFrame, epoch: int, horizon_days: int) -> DataFrame:
    """One Kafka record per row: `key` (the user) and `value` (JSON with exactly the fields of a score)."""
    columns = {
        "epoch": F.lit(epoch).cast("bigint"),
        "level": F.when(F.col("paid") == 1, "paid").otherwise("free"),
        "status": rolling.status(horizon_days * DAY_MS),
        "features": F.struct(*NAMES),
    }
    return scored.withColumns(columns).select(
        F.col("user_id").cast("binary").alias("key"), F.to_json(F.struct(*FIELDS)).cast("binary").alias("value")
    )
