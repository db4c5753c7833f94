"""Nobody is on two sides of a split, whatever the folds and dates."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from training.splits import PARTS, Splits

FOLDS = st.integers(3, 7)
FIRST_MS = 1_540_000_000_000
SPANS = st.integers(PARTS, 10**10)


def rows(splits: Splits, last_ms: int) -> pd.DataFrame:
    """A row per fold at many dates, those at the edges among them."""
    dates = sorted({*splits.edges_ms[:-1], *(edge - 1 for edge in splits.edges_ms[1:]), FIRST_MS, last_ms})
    return pd.DataFrame([(fold, at) for fold in range(splits.folds) for at in dates], columns=["fold", "as_of"])


@given(FOLDS, SPANS)
def test_users_and_dates_are_apart(folds: int, span_ms: int) -> None:
    splits = Splits.of(folds, FIRST_MS, FIRST_MS + span_ms)
    frame = rows(splits, FIRST_MS + span_ms)
    for fold in range(folds):
        train, validate = (frame[cell.among(frame)] for cell in splits.selection(fold))
        first_tested = min(split.test.first_ms for split in splits.tests(fold))
        assert fold not in {*train["fold"], *validate["fold"]}
        assert not set(train["fold"]) & set(validate["fold"])
        assert train["as_of"].max() < validate["as_of"].min()
        assert validate["as_of"].max() < first_tested
        for split in splits.tests(fold):
            known, later, tested = (frame[cell.among(frame)] for cell in (split.train, split.calibrate, split.test))
            assert set(tested["fold"]) == {fold}
            assert len({*known["fold"]} & {*later["fold"]}) == 0
            assert fold not in {*known["fold"], *later["fold"]}
            assert known["as_of"].max() < later["as_of"].min() <= later["as_of"].max() < tested["as_of"].min()


@given(FOLDS, SPANS, st.integers(1, 3))
def test_every_row_of_the_tested_parts_is_tested_once(folds: int, span_ms: int, parts: int) -> None:
    splits = Splits.of(folds, FIRST_MS, FIRST_MS + span_ms, parts)
    frame = rows(splits, FIRST_MS + span_ms)
    times = sum(split.test.among(frame).astype(int) for fold in range(folds) for split in splits.tests(fold))
    due = frame["as_of"] >= splits.edges_ms[PARTS - parts]
    assert (times == due.astype(int)).all()
