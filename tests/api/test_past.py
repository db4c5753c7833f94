from __future__ import annotations

from typing import Any

import pytest

from churn.settings import DAY_MS
from churn.view_features import packed
from tests.api.conftest import NOW_MS

pytestmark = pytest.mark.servers

HOUR_MS = 3_600_000


def points(filled: Any, scored: Any, *adverts: float, every_ms: int = 8 * HOUR_MS) -> list[Any]:
    """Scores of one user, far enough apart that each is a point of history."""
    first = scored("7")
    made = [
        scored("7", {"adverts_14d": each}, version=place + 1, as_of=first.as_of + place * every_ms)
        for place, each in enumerate(adverts)
    ]
    filled.add(*made)
    return made


def test_the_score_as_it_stood_at_some_time(filled: Any, get: Any, scored: Any) -> None:
    made = points(filled, scored, 1.0, 40.0, 90.0)
    told = get("/v1/users/7/risk", params={"at": "2018-11-01T00:00:00Z"}).json()
    assert told["as_of"] == "2018-10-31T23:33:20.000Z"
    assert told["risk"] == pytest.approx(made[1].risk, abs=1e-8)
    assert (told["at"], told["version"], told["model_version"]) == ("2018-11-01T00:00:00.000Z", 2, "m1")
    assert told["reasons"][0]["driver"] == "adverts"


def test_a_point_whose_features_were_not_kept_has_no_reasons(filled: Any, get: Any, scored: Any) -> None:
    points(filled, scored, 1.0, 40.0)
    told = get("/v1/users/7/risk", params={"at": "2018-10-31T15:33:20Z"}).json()
    assert (told["version"], told["reasons"], told["model_version"]) == (1, None, None)


def test_a_point_has_no_reasons_of_another_epoch(filled: Any, get: Any, scored: Any) -> None:
    points(filled, scored, 1.0, 90.0)
    first = scored("7")
    filled.add(scored("7", {"adverts_14d": 90.0}, epoch=2, version=1, as_of=first.as_of + 2 * DAY_MS))
    filled.add(scored("7", {"adverts_14d": 90.5}, epoch=2, version=2, as_of=first.as_of + 3 * DAY_MS))
    told = get("/v1/users/7/risk", params={"at": "2018-11-04T00:00:00Z"}).json()
    assert (told["version"], told["reasons"], told["model_version"]) == (2, None, None)
    told = get("/v1/users/7/risk", params={"at": "2018-11-01T00:00:00Z"}).json()
    assert (told["version"], told["model_version"]) == (2, "m1")


def test_before_the_first_point_nothing_is_known(filled: Any, get: Any, scored: Any) -> None:
    points(filled, scored, 1.0)
    answer = get("/v1/users/7/risk", params={"at": "2018-10-31T15:33:19.999Z"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:unknown-user")


@pytest.mark.parametrize(
    "at",
    ["yesterday", "2018-10-31", "2018-10-31T15:33:20", "1541000000", "", "0001-01-01T00:00:00+23:00",
     "9999-12-31T23:00:00-01:00"],
)  # fmt: skip
def test_a_time_has_to_be_one_with_a_zone(filled: Any, get: Any, scored: Any, at: str) -> None:
    points(filled, scored, 1.0)
    answer = get("/v1/users/7/risk", params={"at": at})
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "at"


def test_history_is_every_point_and_what_moved_the_risk(filled: Any, get: Any, scored: Any, explainer: Any) -> None:
    made = points(filled, scored, 1.0, 5.0, 90.0, 2.0)
    told = get("/v1/users/7/history").json()
    assert [point["risk"] for point in told["points"]] == pytest.approx([each.risk for each in made], abs=1e-8)
    # The first point has no features; from the second on there is a moment where the risk has moved.
    assert [(move["since"], move["until"], move["difference"] > 0) for move in told["moves"]] == [
        ("2018-11-01T07:33:20.000Z", "2018-11-01T15:33:20.000Z", False),
        ("2018-10-31T23:33:20.000Z", "2018-11-01T07:33:20.000Z", True),
    ]
    up = told["moves"][1]
    assert up["difference"] == pytest.approx(made[2].risk - made[1].risk, abs=1e-6)
    assert up["reasons"][0]["driver"] == "adverts"
    assert up["reasons"][0]["words"] == "4.5 adverts a day lately; before 0.2"


def test_a_moment_of_another_release_is_passed_over(filled: Any, get: Any, scored: Any) -> None:
    points(filled, scored, 1.0, 5.0, 90.0, 2.0)
    before = get("/v1/users/7/history").json()["moves"]
    made = packed({"adverts_14d": 1.0}).decode()
    filled.view.redis.lpush("churn:moments:7", f"{NOW_MS - DAY_MS},1,m1,{made}")
    assert get("/v1/users/7/history").json()["moves"] == before


def test_history_of_some_time(filled: Any, get: Any, scored: Any) -> None:
    points(filled, scored, 1.0, 5.0, 90.0, 2.0, every_ms=DAY_MS)
    told = get("/v1/users/7/history", params={"since": "2018-11-01T00:00:00Z", "until": "2018-11-02T23:00:00Z"}).json()
    assert [point["as_of"][:10] for point in told["points"]] == ["2018-11-01", "2018-11-02"]


def test_nobody_has_no_history(get: Any) -> None:
    assert get("/v1/users/nobody/history").status_code == 404
