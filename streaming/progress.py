"""From Spark's progress reports, and from the batch that is still open, to metrics."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from churn import metrics
from streaming.dead_letters import OBSERVED

_LIVE_NAMES = {
    "number of duplicates dropped": "duplicate",
    "number of rows which are dropped by watermark": "late",
}


class Progress:
    """Counts every batch once: completed ones by their reports, the open one by what its tasks say meanwhile.

    Args:
        spark: the session, asked for the open batch; a batch of real-time mode is open for minutes.
        mode: of the scoring query.
    """

    def __init__(self, spark: SparkSession, mode: str) -> None:
        self._spark, self._mode = spark, mode
        self._noted: dict[str, int] = {}
        self._dropped: Counter[str] = Counter()

    def note(self, query: StreamingQuery) -> None:
        """Adds the batches that a query completed since the last call."""
        for report in query.recentProgress:
            facts: dict[str, Any] = json.loads(report.json)
            if facts["batchId"] > self._noted.get(facts["name"], -1) and facts["numInputRows"] > 0:
                self._noted[facts["name"]] = facts["batchId"]
                self._count(facts)

    def publish(self) -> None:
        """Brings the metrics of what was dropped up to date."""
        now = self._dropped + (self._open() if self._mode == "realtime" else Counter())
        for reason in _LIVE_NAMES.values():
            metrics.STREAM_DROPPED.labels(reason).set(now[reason])

    def _count(self, facts: dict[str, Any]) -> None:
        for kind, count in facts.get("observedMetrics", {}).get(OBSERVED, {}).items():
            metrics.STREAM_RECORDS.labels(kind).inc(count)
        if facts["name"] == "scores":
            metrics.STREAM_BATCHES.labels(self._mode).inc()
            for operator in facts["stateOperators"]:
                self._dropped["late"] += operator["numRowsDroppedByWatermark"]
                self._dropped["duplicate"] += operator["customMetrics"].get("numDroppedDuplicateRows", 0)

    def _open(self) -> Counter[str]:
        """What the running batch has dropped so far. Spark has no public way to ask; its own web page asks here."""
        dropped: Counter[str] = Counter()
        store = self._spark._jsparkSession.sharedState().statusStore()
        executions = store.executionsList()
        for at in range(executions.size()):
            execution = executions.apply(at)
            if execution.completionTime().isEmpty():
                values = store.executionMetrics(execution.executionId())
                for metric in map(execution.metrics().apply, range(execution.metrics().size())):
                    reason, value = _LIVE_NAMES.get(metric.name()), values.get(metric.accumulatorId())
                    if reason and value.isDefined():
                        dropped[reason] += int(value.get().replace(",", ""))
        return dropped
