"""What if, and the least change: the model's own arithmetic, on figures as people say them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.figures import SIGNALS, Changes, figures
from api.least_change import FEWER, MORE, left_below, levers, nearest
from churn.explain import Explainer, model_inputs
from churn.features import FEATURES, NAMES
from churn.outcomes import AlertPolicy
from tests.api.small_model import TYPICAL, write_bundle

RATES = st.dictionaries(st.sampled_from(sorted(SIGNALS)), st.floats(0, 100), max_size=5)
USERS = st.fixed_dictionaries({name: st.floats(0, 200) for name in NAMES if name != "paid"}).flatmap(
    lambda values: st.sampled_from([0.0, 1.0]).map(lambda paid: values | {"paid": paid})
)


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    return write_bundle(tmp_path_factory.mktemp("models"))


class TestFigures:
    @given(RATES)
    def test_a_rate_that_is_set_is_read_back_and_nothing_else_moves(self, rates: dict[str, float]) -> None:
        changed = Changes(per_day=rates).applied(TYPICAL)
        said = figures(changed)["per_day"]
        for name in SIGNALS:
            assert said[name] == pytest.approx(rates.get(name, figures(TYPICAL)["per_day"][name]))
        others = [each.name for each in FEATURES if each.name.rpartition("_")[0] not in rates]
        assert {name: changed[name] for name in others} == {name: TYPICAL[name] for name in others}

    def test_days_are_told_to_every_feature_of_them(self) -> None:
        changed = Changes(silence_days=2.0, tenure_days=30.0).applied(TYPICAL)
        assert (changed["silence_days"], changed["silence_minutes"], changed["tenure_days"]) == (2.0, 2880.0, 30.0)

    def test_songs_go_along_to_another_plan(self) -> None:
        changed = Changes(level="paid").applied(TYPICAL)
        assert changed["paid"] == 1.0
        assert (changed["songs_free_3d"], changed["songs_paid_3d"]) == (0.0, 8.0)
        back = Changes(level="free").applied(changed)
        assert (back["songs_free_3d"], back["songs_paid_3d"], back["paid"]) == (8.0, 0.0, 0.0)

    @given(USERS)
    def test_nothing_changed_is_nothing_changed(self, user: dict[str, float]) -> None:
        assert Changes().applied(user) == user


class TestLeastChange:
    def test_a_band_is_left_below_its_threshold_times_the_ratio(self) -> None:
        policy = AlertPolicy(0.2, 0.5, 0.8, 0, 0, 0)
        assert [left_below(policy, band) for band in ("high", "medium", "low", "none")] == [
            0.4,
            pytest.approx(0.16),
            None,
            None,
        ]

    @given(USERS)
    def test_only_what_a_team_can_influence_is_moved_and_no_further_than_its_end(
        self, explained: Explainer, user: dict[str, float]
    ) -> None:
        risk = explained.risks([user])[0]
        changed, reachable = nearest(user, explained, risk * 0.8)
        allowed = {name for lever in levers(user, TYPICAL) for name in lever.end}
        assert {name for name in NAMES if changed[name] != user[name]} <= allowed
        assert explained.risks([changed])[0] < risk * 0.8 or not reachable
        mine, theirs, after = figures(user)["per_day"], figures(TYPICAL)["per_day"], figures(changed)["per_day"]
        for name in FEWER:
            assert -1e-9 <= after[name] <= mine[name] * (1 + 1e-9)
        for name in MORE:
            most = 2 * max(mine[name], theirs[name])
            assert min(mine[name], most) * (1 - 1e-9) <= after[name] <= most * (1 + 1e-9) or after[name] == mine[name]

    @given(USERS)
    def test_a_little_less_would_not_do(self, explained: Explainer, user: dict[str, float]) -> None:
        below = explained.risks([user])[0] * 0.9
        changed, reachable = nearest(user, explained, below)
        if not reachable or changed["paid"] != user["paid"]:
            return
        shorter = {name: user[name] + (changed[name] - user[name]) * 0.999 for name in NAMES}
        assert explained.risks([shorter])[0] >= below * (1 - 1e-6)

    def test_it_is_the_shortest_of_what_a_grid_finds(self, explained: Explainer) -> None:
        user = {**TYPICAL, "adverts_14d": 60.0, "adverts_3d": 14.0, "errors_14d": 9.0, "errors_3d": 2.0}
        below = explained.risks([user])[0] * 0.6
        changed, reachable = nearest(user, explained, below)
        assert reachable

        def way(values: dict[str, float]) -> float:
            rows = np.array([[each[name] for name in NAMES] for each in (user, values)])
            inputs = model_inputs(rows)
            return float(np.abs(inputs[1] - inputs[0]).sum())

        found = way(changed)
        for lever in levers(user, TYPICAL):
            for share in np.linspace(0.02, 1, 50):
                one = user | {name: user[name] + (end - user[name]) * share for name, end in lever.end.items()}
                if lever.name != "level" and explained.risks([one])[0] < below:
                    assert found <= way(one) + 1e-6

    def test_where_nothing_is_enough_the_best_is_told(self, explained: Explainer) -> None:
        user = {**TYPICAL, "silence_days": 300.0}
        changed, reachable = nearest(user, explained, 0.01)
        assert not reachable
        assert explained.risks([changed])[0] < explained.risks([user])[0]


@pytest.mark.servers
class TestEndpoints:
    def test_before_and_after_are_the_models(self, filled: Any, served: Any, scored: Any, explainer: Explainer) -> None:
        one = scored("7", {"adverts_14d": 60.0, "adverts_3d": 14.0})
        filled.add(one)
        answer = served.client.post("/v1/users/7/what-if", json={"changes": {"per_day": {"adverts": 0.1}}})
        assert answer.status_code == 200
        told = answer.json()
        changed = Changes(per_day={"adverts": 0.1}).applied(one.features)
        assert told["now"]["risk"] == pytest.approx(one.risk, abs=1e-6)
        assert told["then"]["risk"] == pytest.approx(explainer.risks([changed])[0], abs=1e-6)
        assert told["difference"] == pytest.approx(told["then"]["risk"] - told["now"]["risk"])
        assert told["now"]["driver"] == "adverts"
        assert told["then"]["figures"]["per_day"]["adverts"] == pytest.approx(0.1)
        assert "no promise" in told["disclaimer"]

    def test_from_a_typical_user(self, served: Any, explainer: Explainer) -> None:
        told = served.client.post("/v1/what-if", json={"changes": {"silence_days": 29.9}}).json()
        assert told["now"]["risk"] == pytest.approx(explainer.risks([TYPICAL])[0], abs=1e-6)
        assert told["then"]["driver"] == "silence"
        assert told["then"]["band"] == "high"
        lapsed = served.client.post("/v1/what-if", json={"changes": {"silence_days": 30}}).json()
        assert lapsed["then"]["band"] == "none"

    @pytest.mark.parametrize(
        "changes",
        [
            {"per_day": {"weather": 1}}, {"per_day": {"adverts": -1}}, {"level": "gold"}, {"silence_days": -1},
            {"features": {"adverts_3d": 1}}, {"per_day": {"adverts": "many"}},
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, served: Any, changes: Any) -> None:
        assert served.client.post("/v1/what-if", json={"changes": changes}).status_code == 422

    def test_without_the_model_it_says_which(self, filled: Any, served: Any, scored: Any) -> None:
        filled.add(scored("7", model_version="gone"))
        for answer in (
            served.client.post("/v1/users/7/what-if", json={"changes": {}}),
            served.client.get("/v1/users/7/least-change"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:model-unavailable")
            assert "gone" in answer.json()["detail"]

    def test_the_least_change_leaves_the_band(self, filled: Any, served: Any, scored: Any) -> None:
        filled.add(scored("7", {"adverts_14d": 90.0, "adverts_3d": 20.0, "errors_14d": 9.0}))
        told = served.client.get("/v1/users/7/least-change").json()
        assert (told["band"], told["reachable"]) == ("high", True)
        assert told["below"] == pytest.approx(0.5 * 0.85)
        assert told["then"]["risk"] < told["below"] <= told["now"]["risk"]
        assert {each["lever"] for each in told["changes"]} <= {*FEWER, *MORE, "level"}
        assert told["changes"]

    def test_in_the_low_band_there_is_nothing_to_change(self, filled: Any, served: Any, scored: Any) -> None:
        filled.add(scored("7"))
        told = served.client.get("/v1/users/7/least-change").json()
        assert (told["band"], told["below"], told["changes"], told["reachable"]) == ("low", None, [], True)
