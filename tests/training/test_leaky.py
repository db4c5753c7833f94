"""The leaky protocol finds what is plain to see at the end of a log, and what nobody could know before."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.metrics import roc_auc_score

from churn.parsing import read_log
from training.leaky import claimed
from training.metrics import Foreseen

pytestmark = pytest.mark.spark


def area(found: Foreseen) -> float:
    return float(roc_auc_score(found.label, found.chance))


def test_it_is_far_above_what_can_be_foreseen(spark: SparkSession, simulated_log: Path) -> None:
    found = claimed(read_log(spark.read.text(str(simulated_log))))
    assert found is not None
    assert area(found) > 0.75  # some twenty of 150 cancel: the error is .05


def test_the_shared_log_shows_what_notebooks_report(spark: SparkSession, shared_data: Path, tmp_path: Path) -> None:
    from churn.event_log import plain  # noqa: PLC0415

    with plain(shared_data / "sparkify-synthetic-x10.json.zst", tmp_path) as log:
        found = claimed(read_log(spark.read.text(str(log))))
    assert found is not None
    assert area(found) > 0.9


def test_without_anybody_who_cancelled_there_is_none(spark: SparkSession, simulated_log: Path) -> None:
    log = read_log(spark.read.text(str(simulated_log)))
    assert claimed(log.where(F.col("page") != "Cancellation Confirmation")) is None
