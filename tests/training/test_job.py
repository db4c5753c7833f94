"""What cannot be learnt from is told in a sentence, and leaves nothing behind among the models."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import bundle
from churn.errors import ChurnError
from churn.parsing import read_log
from churn.settings import DAY_MS
from tests.conftest import QUICK
from training import job, onnx

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
    with pytest.raises(ChurnError, match="Only 0 held-out rows end in cancel"):
        job.train(log.where("page != 'Cancellation Confirmation'"), tmp_path, QUICK, quiet)
    assert list(tmp_path.iterdir()) == []


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
