"""Rows of a whole log: what thinning leaves."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from training.rows import kept

pytestmark = pytest.mark.spark


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
