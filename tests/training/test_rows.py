"""Rows of a whole log: what is refused, and what thinning leaves."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.errors import ChurnError
from churn.settings import DAY_MS
from training.rows import kept, require_unbroken

pytestmark = pytest.mark.spark


def events(spark: SparkSession, days: list[int]) -> DataFrame:
    return spark.createDataFrame(
        [(f"u{day % 7}", 1_538_352_000_000 + day * DAY_MS) for day in days], "user_id string, ts bigint"
    )


def test_one_clock_that_is_wrong_by_years_is_told_with_its_day(spark: SparkSession) -> None:
    require_unbroken(events(spark, list(range(40))))
    with pytest.raises(ChurnError, match="silent from 2018-11-09 to 2029-09-09"):
        require_unbroken(events(spark, [*range(40), 4000 - 4]))


def test_thinning_keeps_all_rows_of_whoever_it_keeps(spark: SparkSession) -> None:
    rows = (
        spark.range(200)
        .select(F.concat(F.lit("u"), F.col("id")).alias("user_id"))
        .crossJoin(spark.range(10).select(F.col("id").alias("as_of")))
    )
    thin, count = kept(rows, 600)
    by_user = thin.groupBy("user_id").count().collect()
    assert count == 2000
    assert {row["count"] for row in by_user} == {10}
    assert 30 < len(by_user) < 100
    thin.unpersist()
