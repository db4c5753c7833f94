from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from churn.settings import DAY_MS

pytestmark = pytest.mark.servers

TIME = "2018-10-31T15:33:20.000Z"


def test_risk_tells_all_that_is_known(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7", p_cancel=0.4, p_lapse=0.25, version=9), score("8"), score("9"), score("10"))
    answer = get("/v1/users/7/risk")
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": "7",
        "risk": 0.65,
        "p_cancel": 0.4,
        "p_lapse": 0.25,
        "band": "high",
        "band_since": TIME,
        "status": "active",
        "as_of": TIME,
        "age_s": 0.0,
        "stale": False,
        "last_event": TIME,
        "events": 12,
        "level": "paid",
        "rank": 1,
        "percentile": 1.0,
        "features": {"adverts_3d": 2.5, "paid": 1.0},
        "model_version": "m1",
        "epoch": 1,
        "version": 9,
        "published_at": "2018-10-31T15:33:20.005Z",
    }


def test_percentile_is_the_share_at_or_below(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(str(i), p_cancel=i / 100) for i in range(1, 5)))
    places = {i: get(f"/v1/users/{i}/risk").json() for i in range(1, 5)}
    assert [places[i]["rank"] for i in range(1, 5)] == [4, 3, 2, 1]
    assert [places[i]["percentile"] for i in range(1, 5)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(("behind_ms", "stale"), [(2 * DAY_MS, False), (2 * DAY_MS + 1, True)])
def test_age_and_staleness_follow_the_event_clock(
    filled: Any, get: Any, score: Any, behind_ms: int, stale: bool
) -> None:
    old = score("7")
    filled.add(old, score("8", as_of=old.as_of + behind_ms))
    found = get("/v1/users/7/risk").json()
    assert (found["age_s"], found["stale"]) == (behind_ms / 1000, stale)


def test_who_cancelled_has_a_risk_but_no_rank(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7", status="cancelled", last_event=None))
    found = get("/v1/users/7/risk").json()
    assert (found["status"], found["band"]) == ("cancelled", "none")
    assert found["rank"] is found["percentile"] is found["last_event"] is None


@pytest.mark.parametrize("user_id", ["a/b", "<script>", "شخص", "with space", "50%41", "?x=1#y", "../7", "x/risk"])
def test_a_user_id_may_be_anything(filled: Any, get: Any, score: Any, user_id: str) -> None:
    filled.add(score(user_id))
    answer = get(f"/v1/users/{quote(user_id, safe='')}/risk")
    assert answer.status_code == 200
    assert answer.json()["user_id"] == user_id


def test_an_unknown_user_is_a_problem_and_not_an_empty_answer(get: Any) -> None:
    answer = get("/v1/users/nobody/risk")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No score is known of user nobody.",
        "instance": "/v1/users/nobody/risk",
    }


def test_ranking_is_by_risk_and_knows_its_length(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(str(i), p_cancel=i / 10, p_lapse=0.0) for i in range(1, 8)))
    everybody = get("/v1/users").json()
    assert [user["user_id"] for user in everybody["users"]] == ["7", "6", "5", "4", "3", "2", "1"]
    assert everybody["total"] == 7
    medium = get("/v1/users?band=medium&limit=1").json()
    assert [user["user_id"] for user in medium["users"]] == ["4"]
    assert medium["total"] == 2
    assert "features" not in medium["users"][0]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("band=none", "band"), ("band=", "band")],
)
def test_a_wrong_parameter_is_named(get: Any, query: str, parameter: str) -> None:
    answer = get(f"/v1/users?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [entry["parameter"] for entry in answer.json()["parameters"]] == [parameter]
    assert parameter in answer.json()["detail"]


@pytest.mark.parametrize("limit", [1, 1000])
def test_the_ends_of_a_limit_are_allowed(get: Any, limit: int) -> None:
    assert get(f"/v1/users?limit={limit}").json() == {"users": [], "total": 0}
