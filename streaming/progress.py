"""From Spark's progress reports, and from the batch that is still open, to metrics."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from churn import metrics
from streaming.dead_letters import OBSERVED
from streaming.modes import Running
from streaming.open_batch import OpenBatch

_DROPPED = ("duplicate", "late")


class Progress:
    """Counts every batch once: completed ones by their reports, the open one by what its tasks say meanwhile.

    Args:
        spark: the session, asked for the open batch.

    Attributes:
        mode: of the scoring query.
    """

    def __init__(self, spark: SparkSession, mode: Running) -> None:
        self.mode = mode
        self._open_batch = OpenBatch(spark)
        self._noted: dict[str, int] = {}
        self._dropped: Counter[str] = Counter()

    def note(self, query: StreamingQuery) -> None:
        """Adds the batches that a query completed since the last call."""
        for report in query.recentProgress:
            facts: dict[str, Any] = json.loads(report.json)
            if facts["batchId"] > self._noted.get(facts["name"], -1) and facts["numInputRows"] > 0:
                self._noted[facts["name"]] = facts["batchId"]
                self._count(facts)

    def completed(self, query: str) -> int:
        """The last batch that a query completed since the start of this program, -1 for none."""
        return self._noted.get(query, -1)

    def publish(self) -> int:
        """Brings the metrics of what was dropped up to date.

        Returns:
            How many records the open batch has read so far; 0 in micro-batch mode, whose batches are short.
        """
        open_ = self._open_batch.counts() if self.mode == "realtime" else Counter[str]()
        for reason in _DROPPED:
            metrics.STREAM_DROPPED.labels(reason).set(self._dropped[reason] + open_[reason])
        return open_["read"]

    def _count(self, facts: dict[str, Any]) -> None:
        for kind, count in facts.get("observedMetrics", {}).get(OBSERVED, {}).items():
            metrics.STREAM_RECORDS.labels(kind).inc(count)
        if facts["name"] == "scores":
            metrics.STREAM_BATCHES.labels(self.mode).inc()
            self._count_scores(facts)

    def _count_scores(self, facts: dict[str, Any]) -> None:
        operators = facts["stateOperators"]
        for operator in operators:
            self._dropped["late"] += operator["numRowsDroppedByWatermark"]
            self._dropped["duplicate"] += operator["customMetrics"].get("numDroppedDuplicateRows", 0)
            name = operator["operatorName"]
            metrics.STREAM_STATE_BYTES.labels(name).set(operator["memoryUsedBytes"])
            # Not numRowsTotal, which is 0: RocksDB does not count its rows (docs/decisions/0013-rows-of-the-state.md).
            metrics.STREAM_STATE_ROWS.labels(name, "updated").inc(operator["numRowsUpdated"])
            metrics.STREAM_STATE_ROWS.labels(name, "removed").inc(operator["numRowsRemoved"])
        took_ms = facts["durationMs"]
        metrics.STREAM_BATCH_SECONDS.labels(self.mode).observe(took_ms["triggerExecution"] / 1000)
        # What is not the work itself: planning, and writing down that a batch begins and ends.
        metrics.STREAM_PAUSE_SECONDS.labels(self.mode).observe(
            (took_ms["triggerExecution"] - took_ms.get("addBatch", 0)) / 1000
        )
