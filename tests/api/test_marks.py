from __future__ import annotations

from typing import Any

import pytest

import api.marks
from api.console.watch import EVERYTHING, reader
from churn.audit import Audit
from churn.marks import Mark
from churn.settings import DAY_MS

pytestmark = pytest.mark.servers

HOUR_MS = 3_600_000


def marks(get: Any) -> dict[str, Any]:
    return dict(get("/v1/users/7/risk").json()["marks"])


def test_a_mark_holds_until_its_time(filled: Any, served: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    answer = served.client.post("/v1/users/7/snooze", json={"hours": 2, "note": "called"})
    assert answer.status_code == 200
    expected = {
        "until": "2018-10-31T17:33:20.000Z", "at": "2018-10-31T15:33:20.000Z", "by": "tests", "note": "called"
    }  # fmt: skip
    assert answer.json() == {"snoozed": expected, "acknowledged": None}
    assert marks(get) == answer.json()
    served.wall.now_ms += 2 * HOUR_MS
    assert marks(get) == {"snoozed": None, "acknowledged": None}


def test_both_kinds_stand_beside_each_other(filled: Any, served: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    served.client.post("/v1/users/7/snooze", json={"hours": 1})
    served.client.post("/v1/users/7/acknowledge")
    assert marks(get)["acknowledged"]["until"] == "2018-11-07T15:33:20.000Z"
    served.wall.now_ms += 2 * HOUR_MS
    assert [kind for kind, mark in marks(get).items() if mark] == ["acknowledged"]
    assert served.client.delete("/v1/users/7/acknowledge").status_code == 204
    assert marks(get) == {"snoozed": None, "acknowledged": None}


def test_nobody_is_told_while_snoozed_and_then_is(filled: Any, served: Any, get: Any, score: Any) -> None:
    low = score("7")
    filled.add(low)
    served.client.post("/v1/users/7/snooze", json={"hours": 1})
    wall_ms = served.wall.now_ms
    filled.add(score("7", version=2, p_cancel=0.7), wall_ms=wall_ms + 5)
    filled.add(score("7", version=3, p_cancel=0.7), wall_ms=wall_ms + HOUR_MS - 1)
    assert get("/v1/alerts").json()["alerts"] == []
    assert get("/v1/users/7/risk").json()["band"] == "high"
    filled.add(score("7", version=4, p_cancel=0.7), wall_ms=wall_ms + HOUR_MS)
    [alert] = get("/v1/alerts").json()["alerts"]
    assert (alert["from_band"], alert["band"]) == ("low", "high")
    filled.add(score("7", version=5, p_cancel=0.7), wall_ms=wall_ms + HOUR_MS + 1)
    assert len(get("/v1/alerts").json()["alerts"]) == 1


def test_who_left_the_high_band_while_snoozed_is_not_told_of(filled: Any, served: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    served.client.post("/v1/users/7/snooze", json={"hours": 1})
    wall_ms = served.wall.now_ms
    filled.add(score("7", version=2, p_cancel=0.7), score("7", version=3, p_cancel=0.1), wall_ms=wall_ms + 1)
    filled.add(score("7", version=4, p_cancel=0.1), wall_ms=wall_ms + 2 * HOUR_MS)
    assert get("/v1/alerts").json()["alerts"] == []


def test_an_acknowledgement_keeps_no_alert_back(filled: Any, served: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    served.client.post("/v1/users/7/acknowledge", json={"hours": 1})
    filled.add(score("7", version=2, p_cancel=0.7))
    assert len(get("/v1/alerts").json()["alerts"]) == 1


def test_only_who_may_write_and_only_somebody_known(filled: Any, served: Any, score: Any) -> None:
    filled.add(score("7"))
    for path in ("snooze", "acknowledge"):
        answer = served.client.post(f"/v1/users/7/{path}", json={"hours": 1}, headers=served.key("read"))
        assert answer.status_code == 403
        assert served.client.post(f"/v1/users/nobody/{path}", json={"hours": 1}).status_code == 404
        assert served.client.delete(f"/v1/users/nobody/{path}").status_code == 404


@pytest.mark.parametrize("body", [{"hours": 0}, {"hours": 9000}, {"hours": 1, "note": "x" * 501}, {}, {"hour": 1}])
def test_what_cannot_be_is_refused(filled: Any, served: Any, score: Any, body: Any) -> None:
    filled.add(score("7"))
    assert served.client.post("/v1/users/7/snooze", json=body).status_code == 422


def test_redis_lets_go_of_a_mark_by_itself(filled: Any, served: Any, score: Any) -> None:
    filled.add(score("7"))
    served.client.post("/v1/users/7/acknowledge", json={"hours": 24})
    served.client.post("/v1/users/7/snooze", json={"hours": 1})
    left_ms = filled.view.redis.pttl("churn:marks:7")
    assert DAY_MS - 60_000 < left_ms <= DAY_MS


def test_whoever_watches_everything_hears_of_marks_and_of_a_policy(filled: Any, served: Any, score: Any) -> None:
    filled.add(score("7"), score("sequence"))
    read, seen = reader(filled.view), []

    def look() -> None:
        seen.append(read([EVERYTHING])[EVERYTHING])

    look()
    for path in ("7/snooze", "sequence/snooze"):
        assert served.client.post(f"/v1/users/{path}", json={"hours": 1}).status_code == 200
        look()
    assert served.client.delete("/v1/users/7/snooze").status_code == 204
    look()
    filled.view.redis.set("churn:policy-applied", '{"high":0.6}')
    look()
    assert len(set(seen)) == len(seen) == 5
    assert read([EVERYTHING])[EVERYTHING] == seen[-1]


def test_two_marks_at_the_same_moment_are_both_kept(
    filled: Any, served: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.add(score("7"))
    marks = served.context.marks
    monkeypatch.setattr(marks, "of", lambda user_ids: [{} for _ in user_ids])  # neither sees the other
    now_ms = served.wall.now_ms

    def acknowledge_too(_: Audit) -> None:
        if not filled.view.redis.exists("churn:marks:7"):
            assert marks.set("7", "acknowledged", Mark(now_ms + DAY_MS, now_ms, "a", ""), lambda _: None)

    assert marks.set("7", "snoozed", Mark(now_ms + HOUR_MS, now_ms, "b", ""), acknowledge_too)
    assert {"snoozed_until", "acknowledged_until"} <= filled.view.redis.hgetall("churn:marks:7").keys()
    assert DAY_MS - 60_000 < filled.view.redis.pttl("churn:marks:7") <= DAY_MS
    assert marks.set("7", "snoozed", Mark(now_ms + 2 * DAY_MS, now_ms, "b", ""), lambda _: None)
    assert 2 * DAY_MS - 60_000 < filled.view.redis.pttl("churn:marks:7") <= 2 * DAY_MS


@pytest.mark.parametrize("meanwhile", [(api.marks, "Mark"), (Audit, "note")])
@pytest.mark.parametrize("path", ["snooze", "acknowledge"])
def test_who_is_forgotten_meanwhile_does_not_come_back_as_a_mark_or_an_entry(
    filled: Any, served: Any, score: Any, monkeypatch: pytest.MonkeyPatch, path: str, meanwhile: tuple[Any, str]
) -> None:
    filled.add(score("7"))
    forgetting_at(served, monkeypatch, *meanwhile)
    answer = served.client.post(f"/v1/users/7/{path}", json={"hours": 1, "note": "called"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:unknown-user")
    assert nothing_of_7(filled, served)


def test_who_is_forgotten_while_a_mark_is_taken_away_does_not_come_back_as_an_entry(
    filled: Any, served: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.add(score("7"))
    assert served.client.post("/v1/users/7/snooze", json={"hours": 1}).status_code == 200
    forgetting_at(served, monkeypatch, Audit, "note")
    assert served.client.delete("/v1/users/7/snooze").status_code == 404
    assert nothing_of_7(filled, served)


def test_only_what_has_happened_is_noted(filled: Any, served: Any, score: Any) -> None:
    filled.add(score("7"))
    assert served.client.post("/v1/users/7/snooze", json={"hours": 1.5}).status_code == 200
    for _ in range(2):
        assert served.client.delete("/v1/users/7/snooze").status_code == 204
    entries = [(entry.action, entry.subject, entry.name, entry.details) for entry in served.context.audit.newest(9)]
    assert entries == [("user.not-snoozed", "7", "tests", {}), ("user.snoozed", "7", "tests", {"hours": 1.5})]


def forgetting_at(served: Any, monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
    """Forgets user 7 at the moment when something is called."""
    called = getattr(where, name)

    def forgetting(*given: Any, **named: Any) -> Any:
        served.context.view.forget("7", "m" * 32)
        served.context.audit.erase("7")
        return called(*given, **named)

    monkeypatch.setattr(where, name, forgetting)


def nothing_of_7(filled: Any, served: Any) -> bool:
    entries = served.context.audit.newest(9)
    return not filled.view.redis.exists("churn:marks:7") and not [entry for entry in entries if entry.subject == "7"]
