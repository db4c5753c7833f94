"""A policy at several thresholds: the backtest's own figures, and how sure a precision is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import backtests, sweeps
from api.backtest import Past, backtest
from api.intervals import wilson
from api.sweep import MOST_THRESHOLDS, THRESHOLDS, spread, swept
from churn import bundle
from churn.outcomes import AlertPolicy, Band
from churn.settings import DAY_MS, Settings
from churn.view import Point
from streaming.thresholds import Thresholds

T0 = 1_538_352_000_000
HORIZON_MS = 14 * DAY_MS
CLOCK_MS = T0 + 40 * DAY_MS
POINTS = st.lists(
    # Coarse, so that what is just enough comes up often.
    st.tuples(st.integers(0, 100), st.integers(0, 20), st.sampled_from(["low", "medium", "high", "none"])),
    min_size=1,
    max_size=30,
).map(
    lambda moves: [
        Point(T0 + halves * DAY_MS // 2, place, twentieths / 20, 0.0, band)  # type: ignore[arg-type]
        for place, (halves, twentieths, band) in enumerate(sorted(moves))
    ]
)
POLICIES = st.builds(
    AlertPolicy,
    medium=st.just(0.1),
    high=st.integers(2, 19).map(lambda twentieths: twentieths / 20),
    exit_ratio=st.sampled_from([0.5, 0.8, 1.0]),
    cool_down_ms=st.sampled_from([0, DAY_MS, 7 * DAY_MS]),
    outage_ms=st.just(1),
    hold_ms=st.just(0),
    rise=st.sampled_from([0.0, 0.1, 0.4]),
    rise_ms=st.sampled_from([DAY_MS, 9 * DAY_MS]),
)


def alerts_of(points: Sequence[Point], policy: AlertPolicy) -> list[int]:
    """When alerts are raised, by the policy's own decisions, point by point."""
    raised: list[int] = []
    band: Band | None = None
    for place, point in enumerate(points):
        before, band = band, policy.band(point.risk, band or "none", "lapsed" if point.band == "none" else "active")
        near = [
            each.risk for each in points[:place] if point.as_of - each.as_of <= policy.rise_ms and each.band != "none"
        ]
        rose = policy.rise > 0 and near and point.risk - min(near) >= policy.rise
        entered = before is not None and band == "high" and before != "high"
        rested = not raised or point.as_of - raised[-1] >= policy.cool_down_ms
        if rested and (entered or (band != "none" and rose)):
            raised.append(point.as_of)
    return raised


@pytest.mark.slow
@settings(max_examples=500)
@given(POINTS, POLICIES)
def test_a_backtest_raises_what_the_policy_decides(points: list[Point], policy: AlertPolicy) -> None:
    found = backtest([points], policy, HORIZON_MS, CLOCK_MS)
    assert [each.as_of for each in found.raised] == alerts_of(points, policy)


@given(st.lists(POINTS, max_size=4), POLICIES, st.lists(st.floats(0.1, 0.99), min_size=1, max_size=5))
def test_a_sweep_at_a_threshold_is_the_backtest_of_the_same_users(
    histories: list[list[Point]], policy: AlertPolicy, thresholds: list[float]
) -> None:
    found = swept([Past.of(points) for points in histories], policy, thresholds, HORIZON_MS, CLOCK_MS)
    for high, outcome in zip(thresholds, found, strict=True):
        assert outcome == backtest(histories, replace(policy, high=high), HORIZON_MS, CLOCK_MS)


@given(st.lists(POINTS, max_size=30), st.floats(0.02, 0.9), st.floats(0, 0.09))
def test_thresholds_lie_between_the_medium_band_and_the_end(
    histories: list[list[Point]], medium: float, more: float
) -> None:
    policy = AlertPolicy(medium, medium + more, 0.8, 0, 1, 0)
    found = spread([Past.of(points) for points in histories], policy)
    assert found == sorted(set(found))
    assert policy.high in found
    assert 2 <= len(found) <= THRESHOLDS
    assert all(medium <= each < 1 for each in found)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_of_a_share(seen: tuple[int, int]) -> None:
    hits, of = seen
    low, top = wilson(hits / of, of)
    assert 0 <= low <= hits / of <= top <= 1
    more = wilson(hits / of, of * 10)
    assert more[1] - more[0] < top - low


def test_an_interval_as_the_books_have_it() -> None:
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.servers
class TestEndpoint:
    @pytest.fixture
    def risen(self, filled: Any, scored: Any, small_models: Any) -> None:
        """Two users who rise, one of whom leaves, and one who stays calm."""
        Thresholds(Settings(models=small_models), bundle.load(small_models)).prepare(filled.view)
        first = scored("7")
        for user_id, last in (("7", "cancelled"), ("8", "active")):
            filled.add(
                scored(user_id),
                scored(user_id, {"adverts_14d": 90.0}, version=2, as_of=first.as_of + DAY_MS),
                scored(user_id, {"adverts_14d": 90.0}, version=3, as_of=first.as_of + 3 * DAY_MS, status=last),
            )
        filled.add(scored("9", as_of=first.as_of + 60 * DAY_MS))

    def test_each_threshold_is_what_the_backtest_tells_of_it(self, risen: None, served: Any) -> None:
        told = served.client.post("/v1/policies/sweep", json={"thresholds": [0.9, 0.5, 0.35]}).json()
        assert [each["high"] for each in told["tried"]] == [0.35, 0.5, 0.9]
        assert (told["users"], told["of_users"], told["medium"], told["high"]) == (3, 3, 0.3, 0.5)
        for each in told["tried"]:
            other = served.client.post("/v1/policies/backtest", json={"high": each["high"]}).json()
            names = ("alerts", "alerts_per_day", "decided", "precision", "repeats", "lead_days")
            assert {name: each[name] for name in names} == {name: other[name] for name in names}
        at = told["tried"][1]
        assert (at["alerts"], at["decided"], at["precision"], at["lead_days"]) == (2, 2, 0.5, 2.0)
        assert at["precision_from"] < 0.5 < at["precision_to"]
        assert "six hours" in told["coarse"]

    def test_by_default_where_users_are(self, risen: None, served: Any) -> None:
        told = served.client.post("/v1/policies/sweep", json={}).json()
        highs = [each["high"] for each in told["tried"]]
        assert len(highs) <= THRESHOLDS
        assert 0.5 in highs
        assert highs[0] >= told["medium"]
        alerts = [each["alerts"] for each in told["tried"]]
        assert alerts == sorted(alerts, reverse=True)

    def test_a_sample_is_counted_up_to_all(self, risen: None, served: Any, monkeypatch: Any) -> None:
        whole = served.client.post("/v1/policies/sweep", json={"thresholds": [0.5]}).json()
        monkeypatch.setattr(sweeps, "USERS", 1)
        part = served.client.post("/v1/policies/sweep", json={"thresholds": [0.5]}).json()
        assert (part["users"], part["of_users"]) == (1, whole["users"])
        [tried] = part["tried"]
        assert tried["alerts_per_day"] == pytest.approx(3 * tried["alerts"] / max(1.0, part["days"]), rel=1e-3)

    @pytest.mark.parametrize(
        "wanted",
        [
            {"thresholds": [0.2]}, {"thresholds": []}, {"thresholds": [1.5]}, {"thresholds": [0.5] * 21},
            {"changes": {"medium": 0.9}}, {"changes": {"speed": 1}}, {"high": 0.5},
        ],
    )  # fmt: skip
    def test_what_is_no_policy_is_refused(self, risen: None, served: Any, wanted: Any) -> None:
        assert served.client.post("/v1/policies/sweep", json=wanted).status_code == 422

    def test_as_many_as_may_be(self, risen: None, served: Any) -> None:
        thresholds = [0.4 + place / 100 for place in range(MOST_THRESHOLDS)]
        told = served.client.post("/v1/policies/sweep", json={"thresholds": thresholds}).json()
        assert len(told["tried"]) == MOST_THRESHOLDS

    def test_one_at_a_time_with_backtests(self, risen: None, served: Any) -> None:
        with backtests.UNDER_WAY:
            answer = served.client.post("/v1/policies/sweep", json={})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert served.client.post("/v1/policies/sweep", json={}).status_code == 200

    def test_without_histories(self, filled: Any, served: Any) -> None:
        told = served.client.post("/v1/policies/sweep", json={}).json()
        assert told["users"] == 0
        assert all(each["precision"] is None and each["alerts"] == 0 for each in told["tried"])

    def test_the_past_is_60_days_also_of_those_who_left_before(self, risen: None, filled: Any, served: Any) -> None:
        def tried() -> dict[str, Any]:
            told: dict[str, Any] = served.client.post("/v1/policies/sweep", json={"thresholds": [0.5]}).json()
            other = served.client.post("/v1/policies/backtest", json={}).json()
            assert (told["tried"][0]["alerts"], told["days"]) == (other["alerts"], other["days"])
            return told

        before = tried()
        later = before["users"] + 1
        view = filled.view
        long_ago = view.clock() - 300 * DAY_MS
        for place, (days, risk) in enumerate([(0, 0.1), (1, 0.9), (2, 0.9)]):
            at = long_ago + days * DAY_MS
            view.redis.zadd("churn:history:gone", {f'[{at},{place},{risk},0,"{"none" if days == 2 else "low"}"]': at})
        view.redis.hincrby(f"churn:books:{view.redis.get('churn:epoch')}", "users", 1)
        after = tried()
        assert (after["users"], after["of_users"]) == (later, later)
        assert (after["days"], after["tried"]) == (before["days"], before["tried"])
