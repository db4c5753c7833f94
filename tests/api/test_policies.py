"""The policy chosen through the API, taken over by the publisher's own code, and tried on the past."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import backtests
from api.backtest import backtest
from churn import bundle, chosen_policy
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy
from churn.settings import DAY_MS, Policy, Settings
from churn.view import Point
from streaming.thresholds import Thresholds
from tests.api.small_model import write_bundle

HOUR_MS = 3_600_000
POLICY = AlertPolicy(0.3, 0.5, 0.8, 7 * DAY_MS, 1000 * DAY_MS, 0)
T0 = 1_538_352_000_000


@pytest.mark.servers
class TestChoosing:
    @pytest.fixture
    def publisher(self, filled: Any, small_models: Any) -> Thresholds:
        """The part of the publisher that takes policies over."""
        thresholds = Thresholds(Settings(models=small_models), bundle.load(small_models))
        thresholds.prepare(filled.view)
        return thresholds

    def bands(self, get: Any) -> dict[str, str]:
        return {user["user_id"]: user["band"] for user in get("/v1/users").json()["users"]}

    def test_a_change_sets_bands_anew_without_an_alert_and_then_counts(
        self, filled: Any, served: Any, get: Any, score: Any, publisher: Thresholds
    ) -> None:
        publisher.know(filled.view, ["m1"])
        filled.add(score("a", p_cancel=0.4), score("b", p_cancel=0.2), score("c", p_cancel=0.01))
        assert self.bands(get) == {"a": "medium", "b": "low", "c": "low"}
        answer = served.client.patch("/v1/policy", json={"high": 0.4, "medium": 0.2})
        assert (answer.status_code, answer.json()["applied"], answer.json()["high"]) == (200, False, 0.5)
        publisher.follow(filled.view)
        assert self.bands(get) == {"a": "high", "b": "medium", "c": "low"}
        now = get("/v1/policy").json()
        assert (now["applied"], now["medium"], now["high"], now["high_left_below"]) == (True, 0.2, 0.4, 0.4 * 0.85)
        assert now["changes"] == {"high": 0.4, "medium": 0.2}
        filled.add(score("a", version=2, p_cancel=0.42))
        assert get("/v1/alerts").json()["alerts"] == []
        filled.add(score("b", version=2, p_cancel=0.42))
        assert [alert["user_id"] for alert in get("/v1/alerts").json()["alerts"]] == ["b"]

    def test_nothing_is_published_between_the_change_and_the_new_bands(
        self, filled: Any, score: Any, publisher: Thresholds
    ) -> None:
        publisher.know(filled.view, ["m1"])
        filled.add(score("a", p_cancel=0.4))
        filled.view.know("m1", AlertPolicy(0.2, 0.4, 0.85, 0, 1, 0))
        with pytest.raises(Exception, match="REBANDING"):
            filled.add(score("a", version=2, p_cancel=0.41))
        assert filled.view.reband() == 1
        filled.offset -= 1
        filled.add(score("a", version=2, p_cancel=0.41))
        assert filled.view.alerts(10) == []

    def test_a_publisher_that_died_while_setting_bands_is_followed_by_one_that_does_it(
        self, filled: Any, get: Any, score: Any, publisher: Thresholds, small_models: Any
    ) -> None:
        publisher.know(filled.view, ["m1"])
        filled.add(score("a", p_cancel=0.4))
        filled.view.know("m1", AlertPolicy(0.2, 0.4, 0.85, 0, 1, 0))  # and here it dies
        Thresholds(Settings(models=small_models, policy={"high": 0.4}), bundle.load(small_models)).prepare(filled.view)
        assert self.bands(get) == {"a": "high"}
        assert not filled.view.redis.exists("churn:rebanding")

    def test_back_to_the_settings_and_one_change_taken_back(
        self, filled: Any, served: Any, get: Any, publisher: Thresholds
    ) -> None:
        served.client.patch("/v1/policy", json={"high": 0.6, "cool_down_days": 1})
        served.client.patch("/v1/policy", json={"high": None, "rise": 0.3})
        assert get("/v1/policy").json()["changes"] == {"cool_down_days": 1.0, "rise": 0.3}
        publisher.follow(filled.view)
        assert get("/v1/policy").json()["rise"] == 0.3
        assert served.client.delete("/v1/policy").json()["changes"] == {}
        publisher.follow(filled.view)
        assert (get("/v1/policy").json()["applied"], get("/v1/policy").json()["rise"]) == (True, 0.0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"high": 1.5}, {"high": 0.1}, {"medium": 0.9}, {"quiet_from": "22:00"}, {"quiet_from": "25:00"},
            {"quiet_from": "22:00", "quiet_until": "07:00", "quiet_zone": "Mars/Olympus"}, {"speed": 1},
            {"exit_ratio": 0}, {"rise_days": 61},
        ],
    )  # fmt: skip
    def test_what_publish_would_not_take_is_refused(
        self, served: Any, get: Any, publisher: Thresholds, changes: Any
    ) -> None:
        answer = served.client.patch("/v1/policy", json=changes)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:invalid-request")
        assert get("/v1/policy").json()["changes"] == {}
        if changes.keys() != {"speed"}:
            assert served.client.post("/v1/policies/backtest", json=changes).status_code == 422

    @pytest.mark.parametrize(("method", "path"), [("PATCH", "/v1/policy"), ("POST", "/v1/policies/backtest")])
    def test_half_a_character_is_no_time_zone(self, served: Any, method: str, path: str) -> None:
        body = rb'{"quiet_from": "22:00", "quiet_until": "07:00", "quiet_zone": "\ud800"}'
        answer = served.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["detail"] == "quiet_zone: ? is no time zone; one is written as Europe/Berlin."

    def test_a_threshold_that_is_taken_back_is_the_cards_again(
        self, filled: Any, served: Any, get: Any, publisher: Thresholds, small_models: Any
    ) -> None:
        assert served.client.patch("/v1/policy", json={"medium": 0.8, "high": 0.9}).status_code == 200
        publisher.follow(filled.view)
        answer = served.client.patch("/v1/policy", json={"high": None})  # the card's is 0.5
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:invalid-request")
        assert "at 0.8, above the high band at 0.5" in answer.json()["detail"]
        Thresholds(Settings(models=small_models), bundle.load(small_models)).prepare(filled.view)
        now = get("/v1/policy").json()
        assert (now["applied"], now["refused"], now["medium"], now["high"]) == (True, None, 0.8, 0.9)

    def test_of_the_old_threshold_nothing_is_left_when_another_is_chosen_with_the_cards(
        self, filled: Any, served: Any, publisher: Thresholds
    ) -> None:
        served.client.patch("/v1/policy", json={"medium": 0.1, "high": 0.2})
        publisher.follow(filled.view)
        assert served.client.patch("/v1/policy", json={"medium": 0.4, "high": None}).status_code == 200

    def test_what_publish_does_not_take_is_not_applied(
        self, filled: Any, served: Any, get: Any, publisher: Thresholds, small_models: Any
    ) -> None:
        chosen_policy.write(filled.view.redis, {"medium": 0.8})
        publisher.follow(filled.view)
        assert get("/v1/policy").json()["applied"] is False
        Thresholds(Settings(models=small_models), bundle.load(small_models)).prepare(filled.view)
        now = get("/v1/policy").json()
        assert (now["applied"], now["medium"], now["high"]) == (False, 0.3, 0.5)
        assert "at 0.8, above the high band at 0.5" in now["refused"]
        assert now["policy"]["medium"] is None

    def test_what_did_not_fit_is_taken_with_a_model_that_it_fits(self, filled: Any, get: Any, tmp_path: Any) -> None:
        write_bundle(tmp_path, "m1")
        publisher = Thresholds(Settings(models=tmp_path), bundle.load(tmp_path))
        publisher.prepare(filled.view)
        chosen_policy.write(filled.view.redis, {"medium": 0.6})
        publisher.follow(filled.view)
        assert not chosen_policy.is_applied(filled.view.redis)
        write_bundle(tmp_path, "m2", thresholds={"medium": 0.3, "high": 0.7})
        publisher.follow(filled.view)
        assert chosen_policy.is_applied(filled.view.redis)
        assert (filled.view.policy("").medium, filled.view.policy("").high) == (0.6, 0.7)

    def test_changes_that_no_longer_fit_the_settings_are_shown_and_can_be_taken_back(
        self, filled: Any, served: Any, get: Any, publisher: Thresholds
    ) -> None:
        chosen_policy.write(filled.view.redis, {"quiet_from": "22:00"})
        now = get("/v1/policy")
        assert (now.status_code, now.json()["changes"]) == (200, {"quiet_from": "22:00"})
        assert "belong together" in now.json()["refused"]
        assert served.client.patch("/v1/policy", json={"rise": 0.3}).status_code == 422
        assert served.client.patch("/v1/policy", json={"quiet_from": None}).json()["refused"] is None

    def test_of_two_changes_at_once_none_is_lost(self, filled: Any) -> None:
        asked = []

        def decide(held: dict[str, Any]) -> dict[str, Any]:
            asked.append(held)
            if len(asked) == 1:
                chosen_policy.write(filled.view.redis, {"rise": 0.3})
            return {**held, "high": 0.6}

        chosen_policy.change(filled.view.redis, decide)
        assert asked == [{}, {"rise": 0.3}]
        assert chosen_policy.read(filled.view.redis) == '{"high": 0.6, "rise": 0.3}'

    def test_only_an_administrator_chooses(self, served: Any, publisher: Thresholds) -> None:
        headers = served.key("read", "write")
        assert served.client.get("/v1/policy", headers=headers).status_code == 200
        assert served.client.patch("/v1/policy", json={}, headers=headers).status_code == 403
        assert served.client.delete("/v1/policy", headers=headers).status_code == 403


def test_a_policy_that_was_chosen_and_is_none_is_one_sentence() -> None:
    with pytest.raises(ChurnError, match="quiet_from and quiet_until belong together"):
        chosen_policy.merged(Policy(), '{"quiet_from": "22:00"}')


def history(*points: tuple[float, float, str]) -> list[Point]:
    """Points at some days, with a risk that is all of cancelling, and the band that the view gave them."""
    return [
        Point(T0 + round(day * DAY_MS), place + 1, risk, 0.0, band)  # type: ignore[arg-type]
        for place, (day, risk, band) in enumerate(points)
    ]


class TestBacktest:
    def tried(self, *histories: list[Point], policy: AlertPolicy = POLICY, clock_days: float = 100.0) -> Any:
        return backtest(histories, policy, 14 * DAY_MS, T0 + round(clock_days * DAY_MS))

    def test_an_alert_that_came_true_and_how_long_before(self) -> None:
        found = self.tried(history((0, 0.1, "low"), (1, 0.6, "high"), (4.5, 0.7, "none")))
        [raised] = found.raised
        assert (raised.came_true, raised.lead_ms, raised.again) == (True, round(3.5 * DAY_MS), False)

    @pytest.mark.parametrize(
        ("gone", "clock", "came_true"), [(15.1, 100, False), (None, 100, False), (None, 14, None), (4.0, 14, None)]
    )
    def test_one_that_did_not_or_is_not_decided(self, gone: float | None, clock: float, came_true: bool | None) -> None:
        left = [] if gone is None else [(gone, 0.6, "none")]
        found = self.tried(history((0, 0.1, "low"), (1, 0.6, "high"), *left), clock_days=clock)
        assert [raised.came_true for raised in found.raised] == [came_true]

    def test_hysteresis_and_cool_down(self) -> None:
        points = (
            (0, 0.1, ""),
            (1, 0.6, ""),
            (2, 0.45, ""),
            (3, 0.6, ""),
            (4, 0.3, ""),
            (5, 0.6, ""),
            (9, 0.1, ""),
            (10, 0.6, ""),
        )
        found = self.tried(history(*((day, risk, "low") for day, risk, _ in points)))
        assert [(raised.as_of - T0) // DAY_MS for raised in found.raised] == [1, 10]
        assert [raised.again for raised in found.raised] == [False, True]

    def test_the_first_point_is_silent(self) -> None:
        assert self.tried(history((0, 0.9, "high"), (1, 0.9, "high"))).raised == []

    def test_a_rise(self) -> None:
        policy = AlertPolicy(0.3, 0.9, 0.8, 7 * DAY_MS, 1, 0, rise=0.2, rise_ms=2 * DAY_MS)
        found = self.tried(
            history((0, 0.1, "low"), (1, 0.25, "low"), (2, 0.31, "low"), (9, 0.55, "low")), policy=policy
        )
        assert [(raised.as_of - T0) // DAY_MS for raised in found.raised] == [2]

    def test_every_day_is_there(self) -> None:
        found = self.tried(history((0.5, 0.1, "low"), (1, 0.6, "high"), (3.2, 0.6, "high")))
        assert list(found.per_day().values()) == [0, 1, 0, 0]
        assert found.days == pytest.approx(2.7)

    @given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1)), min_size=1, max_size=40), st.floats(0.05, 0.95))
    def test_a_higher_threshold_never_brings_a_first_alert_sooner(
        self, moves: list[tuple[float, float]], high: float
    ) -> None:
        points = history(*((day, risk, "low") for day, risk in sorted(moves)))
        lower, higher = (
            self.tried(points, policy=AlertPolicy(0.01, each, 1.0, 0, 1, 0)).raised
            for each in (high, min(1.0, high + 0.1))
        )
        if higher and points[0].risk < high:
            assert lower[0].as_of <= higher[0].as_of

    @pytest.mark.servers
    def test_by_http_over_what_the_view_holds(self, filled: Any, served: Any, scored: Any, small_models: Any) -> None:
        Thresholds(Settings(models=small_models), bundle.load(small_models)).prepare(filled.view)
        first = scored("7")
        filled.add(
            first,
            scored("7", {"adverts_14d": 90.0}, version=2, as_of=first.as_of + DAY_MS),
            scored("7", {"adverts_14d": 90.0}, version=3, as_of=first.as_of + 3 * DAY_MS, status="cancelled"),
            scored("8", as_of=first.as_of + 60 * DAY_MS),
        )
        told = served.client.post("/v1/policies/backtest", json={}).json()
        assert (told["users"], told["of_users"], told["alerts"], told["precision"], told["lead_days"]) == (
            2,
            2,
            1,
            1.0,
            2.0,
        )
        assert told["per_day"]["2018-11-01T00:00:00.000Z"] == 1
        assert "six hours" in told["coarse"]
        assert served.client.post("/v1/policies/backtest", json={"high": 0.99}).json()["alerts"] == 0

    @pytest.mark.servers
    def test_one_at_a_time(self, filled: Any, served: Any) -> None:
        with backtests.UNDER_WAY:
            answer = served.client.post("/v1/policies/backtest", json={})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert served.client.post("/v1/policies/backtest", json={}).status_code == 200
