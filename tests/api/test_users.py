from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from api.risks import AT_ONCE
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
        "driver": None,  # its features are not those of the model
        "reasons": None,
        "marks": {"snoozed": None, "acknowledged": None},
        "as_of": TIME,
        "age_s": 0.0,
        "stale": False,
        "last_event": TIME,
        "events": 12,
        "cold": False,
        "level": "paid",
        "rank": 1,
        "percentile": 1.0,
        "features": {"adverts_3d": 2.5, "paid": 1.0},
        "model_version": "m1",
        "epoch": 1,
        "version": 9,
        "published_at": "2018-10-31T15:33:20.005Z",
    }


def test_reasons_are_those_of_the_model_in_words(filled: Any, get: Any, scored: Any, explainer: Any) -> None:
    one = scored("7", {"adverts_14d": 60.0, "errors_14d": 0.0})
    filled.add(one)
    told = get("/v1/users/7/risk").json()
    expected = [reason for reason in explainer.reasons(one.features) if abs(reason.difference) >= 0.001]
    assert told["driver"] == "adverts"
    assert [(each["driver"], each["words"]) for each in told["reasons"]] == [
        (reason.driver, reason.words) for reason in expected
    ]
    for each, reason in zip(told["reasons"], expected, strict=True):
        assert each["difference"] == pytest.approx(reason.difference, abs=1e-6)
    assert told["reasons"][0]["words"] == "3.0 adverts a day lately; typical 0.2"


def test_without_its_model_a_score_has_no_reasons(filled: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 60.0}, model_version="gone"))
    told = get("/v1/users/7/risk").json()
    assert (told["reasons"], told["driver"]) == (None, None)


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


@pytest.mark.parametrize(("days", "opened", "cold"), [(0, 0, True), (6.9, 0, True), (7, 0, False), (0, 5, False)])
def test_somebody_is_cold_for_a_week_unless_their_past_was_opened(
    filled: Any, get: Any, score: Any, days: float, opened: int, cold: bool
) -> None:
    first = score("7", opened=opened)
    filled.add(first, score("7", opened=opened, version=2, as_of=first.as_of + round(days * DAY_MS)))
    assert get("/v1/users/7/risk").json()["cold"] is cold


def test_who_cancelled_has_a_risk_but_no_rank(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7", status="cancelled", last_event=None))
    found = get("/v1/users/7/risk").json()
    assert (found["status"], found["band"]) == ("cancelled", "none")
    assert found["rank"] is found["percentile"] is found["last_event"] is None


@pytest.mark.parametrize("user_id", ["a/b", "<script>", "شخص", "with space", "50%41", "?x=1#y", "../7", "x/risk"])
def test_a_user_id_may_be_anything(filled: Any, get: Any, score: Any, user_id: str) -> None:
    filled.add(score(user_id))
    for path in ("risk", "history"):
        answer = get(f"/v1/users/{quote(user_id, safe='')}/{path}")
        assert answer.status_code == 200
        assert answer.json()["user_id"] == user_id


def test_an_unknown_user_is_a_problem_and_not_an_empty_answer(get: Any) -> None:
    answer = get("/v1/users/nobody/risk", headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:churn:problem:unknown-user",
        "title": "No such user",
        "status": 404,
        "detail": "No score is known of user nobody.",
        "instance": "/v1/users/nobody/risk",
        "request_id": "abc-1",
    }


class TestETag:
    def _tag(self, get: Any, user_id: str = "7") -> str:
        return str(get(f"/v1/users/{user_id}/risk").headers["etag"])

    def test_an_unchanged_score_is_answered_by_304(self, filled: Any, get: Any, score: Any) -> None:
        filled.add(score("7"))
        tag = self._tag(get)
        answer = get("/v1/users/7/risk", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert get("/v1/users/7/risk", headers={"If-None-Match": f'"x", {tag}'}).status_code == 304
        assert get("/v1/users/7/risk", headers={"If-None-Match": '"x"'}).status_code == 200

    def test_others_do_not_change_it(self, filled: Any, get: Any, score: Any) -> None:
        filled.add(score("7"))
        tag = self._tag(get)
        filled.add(score("8", p_cancel=0.6))
        assert self._tag(get) == tag

    @pytest.mark.parametrize("change", ["score", "stale", "mark"])
    def test_what_changes_for_the_user_changes_it(
        self, filled: Any, served: Any, get: Any, score: Any, change: str
    ) -> None:
        filled.add(score("7"))
        tag = self._tag(get)
        if change == "score":
            filled.add(score("7", version=2))
        elif change == "stale":
            filled.add(score("8", as_of=score().as_of + 3 * DAY_MS))
        else:
            served.client.post("/v1/users/7/snooze", json={"hours": 1})
        assert self._tag(get) != tag


class TestMany:
    def test_in_the_order_asked_for_with_who_is_unknown(self, filled: Any, served: Any, get: Any, score: Any) -> None:
        filled.add(score("7"), score("8", p_cancel=0.6))
        answer = served.client.post("/v1/users/risk", json={"user_ids": ["8", "nobody", "7", "8"]})
        assert answer.status_code == 200
        assert [user["user_id"] for user in answer.json()["users"]] == ["8", "7", "8"]
        assert answer.json()["unknown"] == ["nobody"]
        assert answer.json()["users"][1] == get("/v1/users/7/risk").json()

    def test_a_thousand_are_asked_of_redis_in_parts_and_told_as_one(
        self, filled: Any, served: Any, get: Any, scored: Any
    ) -> None:
        known = [f"u{number}" for number in range(2 * AT_ONCE + 3)]
        filled.add(*(scored(user, {"adverts_14d": float(place)}) for place, user in enumerate(known)))
        asked = [each for user in known for each in (user, f"no {user}")]
        found = served.client.post("/v1/users/risk", json={"user_ids": asked}).json()
        assert [user["user_id"] for user in found["users"]] == known
        assert found["unknown"] == asked[1::2]
        assert sorted(user["rank"] for user in found["users"]) == list(range(1, len(known) + 1))
        assert found["users"][-1] == get(f"/v1/users/{known[-1]}/risk").json()
        assert found["users"][-1]["reasons"]

    @pytest.mark.parametrize(
        "body",
        [{"user_ids": []}, {"user_ids": ["x"] * 1001}, {"user_ids": [7]}, {"user_ids": [""]}, {}, {"ids": ["7"]}, []],
    )
    def test_what_cannot_be_is_refused(self, served: Any, body: Any) -> None:
        answer = served.client.post("/v1/users/risk", json=body)
        assert answer.status_code == 422
        assert answer.json()["parameters"]


@pytest.mark.parametrize("user_id", ["1045\n", "a/b", "1045/snooze", "%41", "a?b#c", "é \x00", ".."])
def test_an_id_is_one_segment_whatever_it_holds(filled: Any, get: Any, score: Any, user_id: str) -> None:
    filled.add(score("1045"), score("A"), score(user_id))
    assert get(f"/v1/users/{quote(user_id, safe='').replace('.', '%2E')}/risk").json()["user_id"] == user_id


def test_a_byte_that_is_no_text_is_nobody_else(get: Any) -> None:
    assert get("/v1/users/a%FF/risk").status_code == 422
