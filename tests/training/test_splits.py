"""Nobody is on two sides of a split, whatever the folds and dates."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from training.splits import FIRST_TESTED, Splits

FOLDS = st.integers(4, 7)
PARTS = st.integers(FIRST_TESTED + 1, 12)
FIRST_MS = 1_540_000_000_000
SPANS = st.integers(12, 10**10)


@pytest.mark.spark
def test_spark_and_pandas_take_the_same_rows(spark: SparkSession) -> None:
    frame = pd.DataFrame([(fold, at) for fold in range(5) for at in range(20)], columns=["fold", "as_of"])
    splits = Splits.of(5, 8, 0, 19)
    for split in splits.tests(2):
        for cell in (split.train, split.calibrate(2), split.test(3), split.held_out()):
            taken = spark.createDataFrame(frame).where(cell.rows()).toPandas()
            assert sorted(map(tuple, taken.to_numpy())) == sorted(map(tuple, frame[cell.among(frame)].to_numpy()))


def rows(splits: Splits, last_ms: int) -> pd.DataFrame:
    """A row per fold at many dates, those at the edges among them."""
    dates = sorted({*splits.edges_ms[:-1], *(edge - 1 for edge in splits.edges_ms[1:]), FIRST_MS, last_ms})
    return pd.DataFrame([(fold, at) for fold in range(splits.folds) for at in dates], columns=["fold", "as_of"])


@given(FOLDS, PARTS, SPANS)
def test_users_and_dates_are_apart(folds: int, parts: int, span_ms: int) -> None:
    splits = Splits.of(folds, parts, FIRST_MS, FIRST_MS + span_ms)
    frame = rows(splits, FIRST_MS + span_ms)
    for split in (split for fold in range(folds) for split in splits.tests(fold)):
        for fold in split.left_out:
            cells = (split.train, split.calibrate(fold), split.test(fold))
            known, later, tested = (frame[cell.among(frame)] for cell in cells)
            assert set(tested["fold"]) == {fold}
            assert not set(known["fold"]) & set(later["fold"])
            assert fold not in {*known["fold"], *later["fold"]}
            assert known["as_of"].max() < later["as_of"].min() <= later["as_of"].max() < tested["as_of"].min()


@given(FOLDS, PARTS, SPANS)
def test_a_choice_is_made_without_the_users_and_dates_it_is_tested_on(folds: int, parts: int, span_ms: int) -> None:
    splits = Splits.of(folds, parts, FIRST_MS, FIRST_MS + span_ms)
    frame = rows(splits, FIRST_MS + span_ms)
    for fold in range(folds):
        train, validate = (frame[cell.among(frame)] for cell in splits.selection(fold))
        assert not set(train["fold"]) & set(validate["fold"])
        assert train["as_of"].max() < validate["as_of"].min()
        for split in splits.tests(fold):
            assert not {*train["fold"], *validate["fold"]} & set(split.left_out)
            assert validate["as_of"].max() < split.first_ms


@given(FOLDS, PARTS, SPANS)
def test_every_row_of_the_tested_parts_is_tested_by_two_models(folds: int, parts: int, span_ms: int) -> None:
    splits = Splits.of(folds, parts, FIRST_MS, FIRST_MS + span_ms)
    frame = rows(splits, FIRST_MS + span_ms)
    all_splits = [split for fold in range(folds) for split in splits.tests(fold)]
    times = sum(split.test(fold).among(frame).astype(int) for split in all_splits for fold in split.left_out)
    assert (times == 2 * (frame["as_of"] >= splits.edges_ms[FIRST_TESTED]).astype(int)).all()
