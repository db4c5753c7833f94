"""The index is what its formula says, and behaves as a distance should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.psi import LEAST_SHARE, by_chance, psi, reading

SHARES = st.lists(st.floats(0, 1), min_size=10, max_size=10).filter(any).map(lambda x: [v / sum(x) for v in x])


def test_by_hand() -> None:
    assert psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))


@given(SHARES)
def test_equal_shares_have_not_moved(shares: list[float]) -> None:
    assert psi(shares, shares) == 0


@given(SHARES, SHARES)
def test_never_negative_and_the_same_both_ways(then: list[float], now: list[float]) -> None:
    assert psi(then, now) >= 0
    assert psi(then, now) == pytest.approx(psi(now, then), rel=1e-12)


@given(SHARES, st.floats(0, 6), st.floats(0, 6))
def test_the_further_the_shares_are_tilted_the_larger_it_is(shares: list[float], one: float, other: float) -> None:
    """Shares times exp(tilt · bin): the index is tilt · (new mean - old mean), and the mean grows with the tilt."""
    then = (np.array(shares) + 0.2) / (1 + 0.2 * len(shares))

    def tilted(by: float) -> list[float]:
        weights = then * np.exp(by * np.linspace(0, 0.5, len(then)))
        return list((weights / weights.sum()).tolist())

    less, more = sorted((one, other))
    assert psi(then.tolist(), tilted(less)) <= psi(then.tolist(), tilted(more)) + 1e-12


def test_an_empty_bin_counts_as_a_little() -> None:
    assert psi([1.0, 0.0], [0.9, 0.1]) == pytest.approx(
        0.1 * math.log(1 / 0.9) + (0.1 - LEAST_SHARE) * math.log(0.1 / LEAST_SHARE)
    )
    assert psi([1.0, 0.0], [1.0, 0.0]) == 0


def test_two_samples_of_one_population_show_as_much_as_chance_says() -> None:
    rng = np.random.default_rng(3)
    drawn = [
        psi(*(rng.multinomial(size, [0.1] * 10) / size for size in (4000, 400)))  # type: ignore[arg-type]
        for _ in range(400)
    ]
    assert np.mean(drawn) == pytest.approx(by_chance(10, 4000, 400), rel=0.1)


@pytest.mark.parametrize(("index", "said"), [(0.0, "stable"), (0.0999, "stable"), (0.1, "moved"), (0.25, "far away")])
def test_the_usual_reading(index: float, said: str) -> None:
    assert reading(index) == said
