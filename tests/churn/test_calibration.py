"""Calibration: monotone, within 0 and 1, and the same after a trip through the card."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.calibration import Calibration, Isotonic, Sigmoid, from_card, to_card
from training import calibrate

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)
SIGMOIDS = st.builds(Sigmoid, st.floats(0.1, 3), st.floats(-3, 3))
KNOTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12, unique_by=lambda knot: knot[0])
ISOTONICS = KNOTS.map(lambda knots: Isotonic(*(tuple(sorted(values)) for values in zip(*knots, strict=True))))


@given(SIGMOIDS | ISOTONICS, CHANCES)
def test_a_higher_probability_never_becomes_a_lower_one(calibration: Calibration, chance: np.ndarray) -> None:
    applied = calibration(np.sort(chance))
    assert ((applied >= 0) & (applied <= 1)).all()
    assert (np.diff(applied) >= -1e-12).all()


@given(SIGMOIDS | ISOTONICS)
def test_the_card_keeps_it(calibration: Calibration) -> None:
    assert from_card(json.loads(json.dumps(to_card(calibration)))) == calibration


@given(CHANCES)
def test_nothing_to_do_changes_nothing(chance: np.ndarray) -> None:
    assert Sigmoid()(chance) == pytest.approx(chance, abs=2e-9)


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_what_was_too_sure_is_made_true(kind: str) -> None:
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.02, 0.4, 40_000)
    label = (rng.random(40_000) < truth).astype(float)
    said = 1 / (1 + np.exp(-(2 * np.log(truth / (1 - truth)) + 1)))  # twice as sure, and too high
    applied = calibrate.fit(kind, said, label)  # type: ignore[arg-type]
    off = np.abs(applied(said) - truth)
    assert off.mean() < 0.01
    assert np.quantile(off, 0.99) < 0.04  # the ends are where a staircase is uncertain


def test_without_both_outcomes_nothing_is_fitted() -> None:
    assert calibrate.fit("sigmoid", np.array([0.1, 0.2]), np.zeros(2)) == Sigmoid()
