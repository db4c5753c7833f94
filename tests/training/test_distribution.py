"""The card tells how features were spread, and what was said against what came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from churn import bundle
from churn.features import NAMES
from training import card, distribution

VALUES = st.lists(st.just(0.0) | st.floats(0, 100), min_size=1, max_size=80)


def spread(values: list[float]) -> tuple[list[float], list[float]]:
    """Edges and shares of some values, by a sort in place of Spark."""
    ordered = sorted(values)
    deciles = [ordered[max(0, -(-len(ordered) * place // 10) - 1)] for place in range(1, 11)]
    edges = distribution.edges(deciles)
    return edges, distribution.shares([sum(value <= edge for value in values) for edge in edges], len(values))


@given(VALUES)
def test_at_most_ten_bins_that_hold_everybody(values: list[float]) -> None:
    edges, shares = spread(values)
    assert edges == sorted(set(edges))
    assert len(shares) == len(edges) + 1 <= 10
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0
    if len(set(values)) > 1:
        assert min(shares) > 0


def test_what_is_mostly_0_has_few_bins() -> None:
    edges, shares = spread([0.0] * 75 + list(np.linspace(1, 25, 25)))
    assert edges[0] == 0
    assert len(edges) == 3
    assert shares[0] == pytest.approx(0.75)


def test_where_all_are_the_same_a_larger_value_would_be_seen() -> None:
    assert spread([0.0] * 7) == ([0.0], [1.0, 0.0])


def test_reliability_is_the_mean_said_and_the_rate_that_came() -> None:
    chance = np.repeat(np.linspace(0.05, 0.5, 10), 20)
    grid = pd.DataFrame({"cancel": chance > 0.28, "lapse": 0.0, "leaves": chance > 0.28, "p_cancel": chance})
    told = card.reliability(grid.assign(p_lapse=0.1, risk=chance + 0.1).astype(float))
    assert list(told) == ["cancel", "lapse", "risk"]
    assert [each["rows"] for each in told["cancel"]] == [20] * 10
    assert [each["rate"] for each in told["cancel"]] == [0.0] * 5 + [1.0] * 5
    assert told["risk"][0]["chance"] == pytest.approx(0.15)
    assert card.reliability(grid.assign(p_lapse=0.1, risk=0.1).iloc[:0])["risk"] == []


@pytest.mark.spark
def test_spark_counts_what_a_sort_counts(spark: SparkSession) -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random((300, len(NAMES))) < 0.6, 0.0, rng.gamma(1.0, 3.0, (300, len(NAMES))))
    rows = spark.createDataFrame(pd.DataFrame(values, columns=list(NAMES)))
    found = distribution.of(rows, distribution.quantiles(rows))
    assert (found["rows"], list(found["features"])) == (300, list(NAMES))
    for name, column in zip(NAMES, values.T, strict=True):
        one = found["features"][name]
        counted = np.bincount(np.searchsorted(one["edges"], column), minlength=len(one["edges"]) + 1) / 300
        assert one["shares"] == pytest.approx(counted.tolist())
        assert one["shares"][0] == pytest.approx((column == 0).mean())
    assert distribution.of(rows.limit(0), {name: [0.0] for name in NAMES}) == {"rows": 0, "features": {}}


@pytest.mark.spark
def test_a_trained_card_tells_both(models: Path) -> None:
    told = bundle.load(models).card
    assert set(told["distribution"]["features"]) == set(NAMES)
    assert set(told["reliability"]) == {"cancel", "lapse", "risk"}
    assert sum(each["rows"] for each in told["reliability"]["risk"]) == told["metrics"]["test"]["risk"]["n"]
