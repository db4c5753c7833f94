"""The latency of the newest scores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.latency import QUANTILES, Latency
from tests.streaming.test_publish import SCORE


def test_latency_before_the_first_score_is_not_known() -> None:
    assert math.isnan(Latency().quantile(0.5))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50), st.sampled_from(QUANTILES))
def test_a_quantile_is_the_nearest_rank(took_ms: list[int], share: float) -> None:
    latency = Latency()
    latency.note([replace(SCORE, received_ms=1000 - took) for took in took_ms], 1000)
    found = latency.quantile(share)
    # The smallest value that at least this share does not exceed.
    assert sum(took <= found for took in took_ms) >= share * len(took_ms)
    assert sum(took < found for took in took_ms) < share * len(took_ms)


def test_latency_forgets_the_oldest_leaves_openings_out_and_is_never_negative() -> None:
    latency = Latency(kept=2)
    latency.note([replace(SCORE, received_ms=None)], 1000)
    assert math.isnan(latency.quantile(0.5))
    latency.note([replace(SCORE, received_ms=at) for at in (0, 990, 1005)], 1000)
    assert (latency.quantile(0.5), latency.quantile(0.99)) == (0.0, 10.0)


def test_a_scrape_looks_through_the_scores_once_and_again_only_after_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def partition(held: Any, ranks: list[int]) -> Any:
        looks.append(held.size)
        return np.sort(held)

    monkeypatch.setattr("streaming.latency.np.partition", partition)
    latency = Latency()
    for scores in (3, 1):
        latency.note([replace(SCORE, received_ms=990)] * scores, 1000)
        for _ in range(2):
            assert {latency.quantile(share) for share in QUANTILES} == {10.0}
    assert looks == [3, 4]


@given(st.lists(st.lists(st.integers(0, 1000), max_size=12), max_size=8))
def test_lately_is_the_nearest_rank_of_what_came_since_the_last_call(batches: list[list[int]]) -> None:
    latency = Latency(kept=20)
    for took_ms in batches:
        latency.note([replace(SCORE, received_ms=1000 - took) for took in took_ms], 1000)
        found, ordered = latency.lately(), sorted(took_ms)
        if took_ms:
            assert found == tuple(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
        else:
            assert found == (None, None)


def test_lately_forgets_the_oldest_too() -> None:
    latency = Latency(kept=3)
    latency.note([replace(SCORE, received_ms=1000 - took) for took in (900, 800, 1, 2, 3)], 1000)
    assert latency.lately() == (2, 3)
    assert latency.lately() == (None, None)
