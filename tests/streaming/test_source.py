"""The plan of the stream: what it costs is decided by how often its rows are shuffled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_dedupe_and_features_share_one_shuffle_by_user(spark: SparkSession, tmp_path: Path) -> None:
    from churn.rolling import rolling_features  # noqa: PLC0415 (brings pyspark)
    from streaming.source import dedupe, events_of_users  # noqa: PLC0415

    log = tmp_path / "log"
    log.mkdir()
    row = {"ts": 1_541_000_000_000, "userId": "7", "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"}
    (log / "one").write_text(json.dumps(row))
    lines = spark.readStream.text(str(log))
    records = lines.selectExpr("cast(value as binary) as value", "cast(null as bigint) as received_ms")
    features = records.transform(events_of_users).transform(dedupe, 3.0, 2).transform(rolling_features)
    writer = features.writeStream.format("noop").outputMode("update")
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).start()
    try:
        query.processAllAvailable()
        plan = query._jsq.explainInternal(False)
    finally:
        query.stop()
    assert re.findall(r"Exchange (\w+\(\w+)#\d+, (\d+)\)", plan) == [("hashpartitioning(user_id", "2")], plan
    assert plan.count("Exchange") == 1, plan
    assert "StateStoreSave" in plan
    assert "StreamingDeduplicate" in plan
