"""Progress reports as Spark writes them, and its status store: played by stand-ins, then the real ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from churn import metrics
from streaming.modes import Running
from streaming.progress import Progress


@dataclass
class Query:
    """A query that has completed some batches; Spark repeats the last hundred reports."""

    name: str
    recentProgress: list[Any] = field(default_factory=list)  # noqa: N815 (pyspark's name)

    def complete(self, batch: int, rows: int = 10, late: int = 0, duplicates: int = 0, **observed: int) -> None:
        operators = [
            {
                "operatorName": "dedupe",
                "memoryUsedBytes": 1000 + batch,
                "numRowsDroppedByWatermark": late,
                "numRowsUpdated": rows,
                "numRowsRemoved": 3,
                "customMetrics": {"numDroppedDuplicateRows": duplicates},
            },
            {
                "operatorName": "sums",
                "memoryUsedBytes": 1,
                "numRowsDroppedByWatermark": 0,
                "numRowsUpdated": 2,
                "numRowsRemoved": 0,
                "customMetrics": {},
            },
        ]
        report = {
            "name": self.name,
            "batchId": batch,
            "numInputRows": rows,
            "durationMs": {"triggerExecution": 900, "addBatch": 700},
            "stateOperators": operators if self.name == "scores" else [],
        }
        if observed:
            report["observedMetrics"] = {"records": observed}
        self.recentProgress.append(SimpleNamespace(json=json.dumps(report)))


class Option:
    def __init__(self, value: str | None) -> None:
        self._value = value

    def isDefined(self) -> bool:  # noqa: N802 (Scala's name)
        return self._value is not None

    def isEmpty(self) -> bool:  # noqa: N802 (Scala's name)
        return self._value is None

    def get(self) -> str:
        assert self._value is not None
        return self._value


class Sequence:
    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def size(self) -> int:
        return len(self._values)

    def apply(self, at: int) -> Any:
        return self._values[at]


Counted = dict[tuple[str, str], str | None]


def execution(number: int, counted: Counted, ended: bool = False) -> Any:
    """An execution whose plan has one node for each count: what it is called, what is counted, and how much."""

    def metric(at: int, name: str) -> Any:
        return SimpleNamespace(name=lambda: name, accumulatorId=lambda: at)

    nodes = [
        SimpleNamespace(name=lambda node=node: node, metrics=lambda at=at, name=name: Sequence([metric(at, name)]))
        for at, (node, name) in enumerate(counted)
    ]
    values = list(counted.values())
    return SimpleNamespace(
        executionId=lambda: number,
        completionTime=lambda: Option("12:00" if ended else None),
        graph=SimpleNamespace(allNodes=lambda: Sequence(nodes)),
        values=SimpleNamespace(get=lambda at: Option(values[at])),
    )


def spark(*executions: Any) -> SparkSession:
    by_number = {each.executionId(): each for each in executions}
    store = SimpleNamespace(
        executionsList=lambda: Sequence(list(executions)),
        executionMetrics=lambda number: by_number[number].values,
        planGraph=lambda number: by_number[number].graph,
    )
    session = SimpleNamespace(
        _jsparkSession=SimpleNamespace(sharedState=lambda: SimpleNamespace(statusStore=lambda: store))
    )
    return cast(SparkSession, session)


def value(name: str, **labels: str) -> float:
    return metrics.STREAM.get_sample_value(name, labels) or 0.0


def note(progress: Progress, query: Query) -> None:
    progress.note(cast(StreamingQuery, query))


def test_every_batch_is_counted_once_however_often_it_is_reported() -> None:
    before = value("churn_stream_batches_total", mode="microbatch")
    progress, query = Progress(spark(), "microbatch"), Query("scores")
    query.complete(0, late=1, duplicates=2)
    note(progress, query)
    note(progress, query)
    query.complete(1, late=10, duplicates=20)
    query.complete(2, rows=0, late=1000)  # Spark reports an idle trigger under the number of the batch to come
    note(progress, query)
    query.complete(2, late=100)
    note(progress, query)
    progress.publish()
    assert value("churn_stream_batches_total", mode="microbatch") - before == 3
    assert value("churn_stream_dropped", reason="late") == 111
    assert value("churn_stream_dropped", reason="duplicate") == 22


def test_rows_of_the_state_are_counted_as_they_come_and_go() -> None:
    rows = {(of, change): 0.0 for of in ("dedupe", "sums") for change in ("updated", "removed")}
    before = {key: value("churn_stream_state_rows_total", operator=key[0], change=key[1]) for key in rows}
    progress, query = Progress(spark(), "realtime"), Query("scores")
    query.complete(0, rows=7)
    note(progress, query)
    query.complete(1, rows=5)
    note(progress, query)
    after = {key: value("churn_stream_state_rows_total", operator=key[0], change=key[1]) for key in rows}
    assert {key: after[key] - before[key] for key in rows} == {
        ("dedupe", "updated"): 12,
        ("dedupe", "removed"): 6,
        ("sums", "updated"): 4,
        ("sums", "removed"): 0,
    }


def test_the_queries_do_not_hide_each_others_batches() -> None:
    before = {kind: value("churn_stream_records_total", kind=kind) for kind in ("user", "logged_out", "dead")}
    batches = value("churn_stream_batches_total", mode="microbatch")
    progress, scores, letters = Progress(spark(), "microbatch"), Query("scores"), Query("dead-letters")
    for batch in range(3):
        scores.complete(batch)
        letters.complete(batch, user=7, logged_out=2, dead=1)
    for query in (letters, scores, letters, scores):
        note(progress, query)
    after = {kind: value("churn_stream_records_total", kind=kind) - count for kind, count in before.items()}
    assert after == {"user": 21, "logged_out": 6, "dead": 3}
    assert value("churn_stream_batches_total", mode="microbatch") - batches == 3


DUPLICATES, LATE = "number of duplicates dropped", "number of rows which are dropped by watermark"


@pytest.mark.parametrize(
    ("mode", "late", "duplicates", "rows"), [("realtime", 1200, 3, 14_002), ("microbatch", 0, 0, 0)]
)
def test_the_open_batch_of_real_time_mode_is_seen(mode: Running, late: int, duplicates: int, rows: int) -> None:
    read = "number of output rows"
    running = execution(
        4,
        {
            ("RealTimeStreamScan", read): "14,002",
            ("RealTimeStreamScan", "other"): "99",
            ("Project", read): "88",
            ("Dedupe", DUPLICATES): "3",
            ("Dedupe", LATE): "1,200",
        },
    )
    ended = execution(3, {("Dedupe", DUPLICATES): "50", ("Dedupe", LATE): "50"}, ended=True)
    silent = execution(5, {("Dedupe", DUPLICATES): None})
    progress, query = Progress(spark(ended, running, silent), mode), Query("scores")
    query.complete(0, late=5, duplicates=6)
    note(progress, query)
    for _ in range(2):  # what is open is not added up
        assert progress.publish() == rows
    assert value("churn_stream_dropped", reason="late") == 5 + late
    assert value("churn_stream_dropped", reason="duplicate") == 6 + duplicates


def test_a_batch_tells_how_long_it_took_how_long_it_paused_and_how_large_the_state_is() -> None:
    progress, query = Progress(spark(), "realtime"), Query("scores")
    before = [value(f"churn_stream_{what}_seconds_sum", mode="realtime") for what in ("batch", "pause")]
    query.complete(7)
    assert progress.completed("scores") == -1
    note(progress, query)
    assert progress.completed("scores") == 7
    after = [value(f"churn_stream_{what}_seconds_sum", mode="realtime") for what in ("batch", "pause")]
    assert [now - then for now, then in zip(after, before, strict=True)] == pytest.approx([0.9, 0.2])
    assert value("churn_stream_state_bytes", operator="dedupe") == 1007


DAY_MS = 86_400_000
START_MS = 1_541_000_000_000


def event(user_id: str, day: float) -> bytes:
    ts = START_MS + round(day * DAY_MS)
    row = {"ts": ts, "userId": user_id, "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"}
    return json.dumps(row).encode()


@pytest.mark.spark
def test_spark_itself_tells_of_the_late_and_of_duplicates(spark: SparkSession, tmp_path: Path) -> None:
    from churn.rolling import rolling_features  # noqa: PLC0415 (brings pyspark)
    from streaming.source import dedupe, events_of_users  # noqa: PLC0415

    log = tmp_path / "log"
    log.mkdir()
    # The first batch moves the watermark to day 17, and the one after the next is the first to be held to it.
    batches = [[event("7", 20)], [event("7", 20.5)], [event("7", 20), event("7", 16), event("8", 17.5)]]
    for place, lines in enumerate(batches):
        (log / str(place)).write_bytes(b"\n".join(lines))
        os.utime(log / str(place), (place + 1, place + 1))
    lines_read = spark.readStream.option("maxFilesPerTrigger", 1).text(str(log))
    records = lines_read.selectExpr("cast(value as binary) as value", "cast(null as bigint) as received_ms")
    features = records.transform(events_of_users).transform(dedupe, 3.0, 2).transform(rolling_features)
    writer = features.writeStream.format("noop").outputMode("update").queryName("scores")
    query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).start()
    try:
        query.processAllAvailable()
        progress = Progress(spark, "microbatch")
        progress.note(query)
    finally:
        query.stop()
    progress.publish()
    assert value("churn_stream_dropped", reason="late") == 1
    assert value("churn_stream_dropped", reason="duplicate") == 1


@pytest.mark.spark
def test_spark_keeps_few_executions_to_look_through(spark: SparkSession, eventually: Callable[..., bool]) -> None:
    store: Any = spark._jsparkSession.sharedState().statusStore()
    for _ in range(40):
        spark.range(1).collect()
    assert store.executionsList().size() > 0
    assert eventually(lambda: store.executionsList().size() <= 25, 20)
