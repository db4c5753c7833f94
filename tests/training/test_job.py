"""What cannot be learnt from is told in a sentence, and leaves nothing behind among the models."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle, events, rolling
from churn.errors import ChurnError
from churn.parsing import read_log
from churn.settings import DAY_MS, Labels
from tests.conftest import QUICK
from training import firewall, job, onnx
from training.firewall import LeakError
from training.snapshots import snapshots
from training.splits import Cell, Split, Splits

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def log(spark: SparkSession, simulated_log: Path) -> DataFrame:
    return read_log(spark.read.text(str(simulated_log))).persist()


def quiet(_: str) -> None:
    """No progress."""


def test_a_log_without_events(log: DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ChurnError, match="holds no valid event"):
        job.train(log.where("false"), tmp_path, QUICK, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_is_shorter_than_the_horizon(log: DataFrame, tmp_path: Path) -> None:
    first = log.agg(F.min("ts")).first()
    assert first is not None
    with pytest.raises(ChurnError, match=r"spans 10\.0 days; training needs"):
        job.train(log.where(F.col("ts") <= first[0] + 10 * DAY_MS), tmp_path, QUICK, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_log_in_which_nobody_cancels(log: DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ChurnError, match="Only 0 people cancel within the horizon"):
        job.train(log.where("page != 'Cancellation Confirmation'"), tmp_path, QUICK, quiet)
    assert list(tmp_path.iterdir()) == []


def leaky_snapshots(log: DataFrame, labels: Labels, span_ms: tuple[int, int]) -> DataFrame:
    """Tenure counted to the last event of all, as the published notebooks count it."""
    ends = log.groupBy("user_id").agg(F.max("ts").alias("end"))
    rows = snapshots(log, labels, span_ms).join(ends, "user_id")
    until_the_end = F.col("tenure_days") + (F.col("end") - F.col("as_of")) / DAY_MS
    return rows.withColumn("tenure_days", until_the_end).drop("end")


def all_users(self: Splits, fold: int) -> Iterator[Split]:
    """Splits that train on the users they test."""
    for split in honest(self, fold):
        everybody = Cell(frozenset(range(self.folds)), split.train.first_ms, split.train.end_ms)
        yield replace(split, train=everybody)


honest = Splits.tests


def as_any_event() -> Column:
    """The outcome's own pages feed features like any other."""
    return ~F.col("page").isin(*events.RESERVED_PAGES)


Leak = pytest.MonkeyPatch


def nothing(_: Leak) -> None:
    """No leak is planted; the log's own figures are above the ceiling."""


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lambda patch: patch.setattr(job, "snapshots", leaky_snapshots), "tenure_days of user"),
        (lambda patch: patch.setattr(Splits, "tests", all_users), "both trained on and tested"),
        (lambda patch: patch.setattr(rolling, "_feeds", as_any_event), "the pages by which they left"),
        # Whatever the AUC on shuffled outcomes, it is now too far from a half: that the check is made is shown here.
        (lambda patch: patch.setattr(firewall, "NOISE", -1.0), "dealt out at random"),
        (nothing, "above the ceiling"),
    ],
)
def test_a_planted_leak_stops_the_run_and_leaves_nothing_behind(
    log: DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[Leak], None], words: str
) -> None:
    plant(monkeypatch)
    # Without intervals the figure itself must stay below the ceiling.
    training = QUICK.training.model_copy(update={"auc_ceiling": 0.501, "resamples": 0})
    with pytest.raises(LeakError, match=words):
        job.train(log, tmp_path, QUICK.model_copy(update={"training": training}), quiet)
    assert list(tmp_path.iterdir()) == []


def test_the_span_ends_before_a_stray_event_and_begins_after_one(
    spark: SparkSession, log: DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = log.agg(F.min("ts"), F.max("ts")).first() or (0, 0)
    one = log.limit(1)
    strays = [one.withColumn("ts", F.lit(at)) for at in (first - 20 * DAY_MS, last + 29 * DAY_MS)]
    spans, said = list[tuple[int, int]](), list[str]()

    def noted(_log: DataFrame, _labels: Labels, span_ms: tuple[int, int]) -> DataFrame:
        spans.append(span_ms)
        raise ZeroDivisionError

    monkeypatch.setattr(job, "snapshots", noted)
    with pytest.raises(ZeroDivisionError):
        job.train(log.unionByName(strays[0]).unionByName(strays[1]), tmp_path, QUICK, said.append)
    assert spans == [(first, last)]
    assert "1 event before 2018-10-01 and 1 event after 2018-11-18 are left out of the span" in said[-1]


def test_a_disk_that_fills_up(log: DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "before").mkdir()
    bundle.use(tmp_path, "before")
    monkeypatch.setattr(onnx, "write", full)
    with pytest.raises(OSError, match="No space left"):
        job.train(log, tmp_path, QUICK, quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before", "current"]
    assert (tmp_path / "current").resolve().name == "before"
