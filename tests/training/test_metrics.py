"""Figures against their definitions, and intervals that cover what they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training import metrics
from training.metrics import Foreseen, figures

LABELS = arrays.arrays(np.float64, st.shared(st.integers(12, 60), key="n"), elements=st.sampled_from([0.0, 1.0]))
CHANCES = arrays.arrays(np.float64, st.shared(st.integers(12, 60), key="n"), elements=st.floats(0.01, 0.99))
WEIGHTS = arrays.arrays(
    np.float64, st.shared(st.integers(12, 60), key="n"), elements=st.integers(0, 3).map(float)
).filter(lambda weight: weight.sum() > 0)


def mixed(label: np.ndarray, weight: np.ndarray) -> bool:
    return bool(0 < (label * weight).sum() < weight.sum())


@given(LABELS, CHANCES, WEIGHTS)
def test_a_weight_counts_like_so_many_rows(label: np.ndarray, chance: np.ndarray, weight: np.ndarray) -> None:
    if not mixed(label, weight):
        return
    repeated = np.repeat(np.arange(len(label)), weight.astype(int))
    whole = np.ones(len(repeated))
    for name in ("auc", "pr_auc_over_base", "brier_skill"):
        figure = metrics.FIGURES[name]
        assert figure(label, chance, weight) == pytest.approx(figure(label[repeated], chance[repeated], whole))


@given(LABELS, CHANCES)
def test_the_auc_is_the_chance_that_a_leaver_stands_above_a_stayer(label: np.ndarray, chance: np.ndarray) -> None:
    if not mixed(label, np.ones(len(label))):
        return
    left, stayed = chance[label == 1], chance[label == 0]
    above = (left[:, None] > stayed).mean() + (left[:, None] == stayed).mean() / 2
    assert metrics.auc(label, chance, np.ones(len(label))) == pytest.approx(above)


def test_lift_looks_at_the_top_tenth() -> None:
    chance = np.linspace(0, 1, 100)
    label = np.zeros(100)
    label[95:] = 1  # all five among the ten highest
    assert metrics.lift_at_10(label, chance, np.ones(100)) == pytest.approx(0.5 / 0.05)
    assert metrics.lift_at_10(label, -chance, np.ones(100)) == 0


def test_true_probabilities_have_the_error_of_chance_and_wrong_ones_more() -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.02, 0.3, 20_000)
    label = (rng.random(20_000) < chance).astype(float)
    whole = np.ones(20_000)
    users = np.arange(20_000)
    perfect = metrics.ece_if_perfect(Foreseen(users, label, chance), seed=2)
    assert metrics.ece(label, chance, whole) < 2 * perfect < 0.02
    assert metrics.ece(label, chance + 0.05, whole) == pytest.approx(0.05, abs=0.01)


def test_rows_of_one_user_share_their_fate_in_a_perfect_model() -> None:
    chance = np.full(1000, 0.2)
    tested = Foreseen(np.repeat(np.arange(10), 100), chance, chance)
    alone, together = (metrics.ece_if_perfect(tested, seed=1, shared=shared) for shared in (False, True))
    assert together > 3 * alone


@pytest.mark.slow
@given(st.integers(0, 100))
def test_an_interval_holds_its_own_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.6, 400)
    rows = Foreseen(np.arange(400) // 4, (rng.random(400) < chance).astype(float), chance)
    found = figures(rows, resamples=20, seed=seed)
    for name in metrics.FIGURES:
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"], name


@pytest.mark.slow
def test_an_interval_covers_the_truth_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FIGURES", {"auc": metrics.auc})
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(20):
        # 150 users of six rows each, which tell no more than one of them.
        label = (rng.random(150) < 0.3).astype(float)
        chance = 1 / (1 + np.exp(-(rng.normal(size=150) + label)))
        rows = Foreseen(*(np.repeat(each, 6) for each in (np.arange(150), label, chance)))
        found = figures(rows, resamples=50)["auc"]
        covered += found["low"] <= 0.7602 <= found["high"]  # the normal distribution at 1/sqrt(2)
    assert covered >= 16


def test_without_both_outcomes_there_are_only_counts() -> None:
    rows = pd.DataFrame({"user_id": ["a", "b"], "cancel": [0.0, 0.0], "p_cancel": [0.1, 0.2]})
    assert figures(Foreseen.of(rows, "cancel", "p_cancel"), 10) == {"n": 2, "positives": 0, "base_rate": 0.0}
    assert figures(Foreseen.of(rows.iloc[:0], "cancel", "p_cancel"), 10)["base_rate"] is None
