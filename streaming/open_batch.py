"""What the tasks of the batch that is still open have counted so far: a batch of real-time mode is open for minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession

_SCAN = "RealTimeStreamScan"

_COUNTED = {
    "number of duplicates dropped": "duplicate",
    "number of rows which are dropped by watermark": "late",
}
_READ = "number of output rows"


class OpenBatch:
    """Asks Spark's status store. There is no public way; Spark's own web page asks here.

    Args:
        spark: the session.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._store: Any = spark._jsparkSession.sharedState().statusStore()
        self._wanted: dict[int, list[tuple[str, int]]] = {}

    def counts(self) -> Counter[str]:
        """`read`: records of a real-time source; `duplicate` and `late`: events dropped. Some seconds old at most."""
        found: Counter[str] = Counter()
        running = [each for each in _all(self._store.executionsList()) if each.completionTime().isEmpty()]
        # A plan does not change, and each look at one is hundreds of calls into the JVM.
        numbers = [each.executionId() for each in running]
        self._wanted = {number: self._wanted.get(number) or self._of(number) for number in numbers}
        for number, wanted in self._wanted.items():
            values = self._store.executionMetrics(number)
            for what, accumulator in wanted:
                value = values.get(accumulator)
                if value.isDefined():
                    found[what] += int(value.get().replace(",", ""))
        return found

    def _of(self, number: int) -> list[tuple[str, int]]:
        """The accumulators of one execution that count what we want to know."""
        return [
            (what, metric.accumulatorId())
            for node in _all(self._store.planGraph(number).allNodes())
            for metric in _all(node.metrics())
            if (what := "read" if (node.name(), metric.name()) == (_SCAN, _READ) else _COUNTED.get(metric.name(), ""))
        ]


def _all(sequence: Any) -> Iterator[Any]:
    """The members of a Scala sequence."""
    return map(sequence.apply, range(sequence.size()))
