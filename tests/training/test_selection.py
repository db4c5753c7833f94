"""Within one standard error the simpler kind wins."""

from __future__ import annotations

import pytest

from churn.settings import Training
from training.candidates import Candidate, grid
from training.selection import Tried, choose, overall, select
from training.splits import Splits

LOGISTIC, STRICT = Candidate("logistic", (("spread", 0.1),)), Candidate("logistic", (("spread", 0.05),))
FOREST = Candidate("forest", (("maxDepth", 5),))
BOOSTING = Candidate("boosting", (("maxIter", 20),))


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ((2.0, 2.1, 2.2), LOGISTIC),
        ((2.0, 2.1, 2.4), FOREST),
        ((2.0, 2.0, 2.4), BOOSTING),
        ((2.5, 2.1, 2.4), LOGISTIC),
    ],
)
def test_simplest_within_one_standard_error(values: tuple[float, ...], chosen: Candidate) -> None:
    tried = [Tried(c, 0, value, 0.3) for c, value in zip((LOGISTIC, FOREST, BOOSTING), values, strict=True)]
    assert choose(tried) == choose(tried[::-1]) == chosen


def test_within_a_kind_the_better_setting_wins() -> None:
    assert choose([Tried(LOGISTIC, 0, 2.0, 0.5), Tried(STRICT, 0, 1.9, 0.5), Tried(FOREST, 0, 2.2, 0.5)]) == LOGISTIC


def test_over_all_folds_the_mean_decides() -> None:
    tried = [Tried(LOGISTIC, fold, 2.0, 0.1) for fold in range(4)]
    tried += [Tried(BOOSTING, fold, value, 0.1) for fold, value in enumerate((1.0, 1.0, 4.0, 1.0))]
    assert overall(tried) == LOGISTIC


def test_the_mean_of_many_folds_is_surer_than_each_of_them() -> None:
    # .3 apart at an error of .35 a fold: too little in one fold, enough over nine.
    tried = [Tried(LOGISTIC, fold, 2.0, 0.35) for fold in range(9)] + [Tried(BOOSTING, f, 2.3, 0.35) for f in range(9)]
    assert overall(tried) == BOOSTING
    assert overall([one for one in tried if one.fold == 0]) == LOGISTIC


def test_the_grid_holds_only_what_is_asked_for() -> None:
    assert {candidate.kind for candidate in grid(["boosting"])} == {"boosting"}
    assert grid(["boosting", "logistic"])[0].kind == "logistic"


def test_without_a_search_the_first_of_the_simplest_is_taken() -> None:
    training = Training(search=False, candidates=("boosting", "logistic"))
    tried, chosen = select(None, Splits.of(4, 5, 0, 100), training, lambda _: None)  # type: ignore[arg-type]
    assert tried == {"cancel": [], "lapse": []}
    assert set(chosen.values()) == {LOGISTIC}
    assert len(chosen) == 8


def test_the_penalty_of_a_spread_is_lighter_for_each_of_more_rows() -> None:
    few, many = (LOGISTIC.parameters(rows)["regParam"] for rows in (1_000, 100_000))
    assert few == pytest.approx(0.1)
    assert many == pytest.approx(0.001)
