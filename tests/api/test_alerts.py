from __future__ import annotations

from typing import Any

import pytest

from api.alerts import outcome, percent, story
from churn.view import Alert


def _alert(**changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "id": "alert_1",
        "user_id": "7",
        "band": "high",
        "from_band": "low",
        "risk": 0.61,
        "p_cancel": 0.48,
        "p_lapse": 0.13,
        "level": "paid",
        "as_of": 0,
        "raised_ms": 0,
        "epoch": 1,
        "version": 2,
        "model_version": "m1",
    }
    return Alert(**(fields | changes))


def test_the_heavier_outcome_is_named_first() -> None:
    assert outcome(_alert()) == "cancel"
    assert outcome(_alert(p_cancel=0.1, p_lapse=0.2)) == "lapse"
    assert outcome(_alert(p_cancel=0.2, p_lapse=0.2)) == "cancel"


def test_the_story_in_words() -> None:
    spaced = story(_alert(), 14).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert spaced == (
        "on the paid plan, rose from low to high risk: 61 % to leave within 14 days, "
        "48 % by cancelling and 13 % by falling silent."
    )
    lapsing = story(_alert(p_cancel=0.1, p_lapse=0.5, from_band="none"), 14)
    assert "came back at high risk" in lapsing
    assert lapsing.index("silent") < lapsing.index("cancelling")
    assert "61\N{NARROW NO-BREAK SPACE}% to leave, 48" in story(_alert(), None)


def test_percent_has_a_space_that_does_not_break() -> None:
    assert percent(0.0746, 1) == "7.5\N{NARROW NO-BREAK SPACE}%"


@pytest.mark.servers
def test_alerts_are_newest_first_and_complete(filled: Any, get: Any, score: Any) -> None:
    calm = [score(u) for u in ("7", "8")]
    filled.add(*calm)
    filled.add(score("7", version=2, p_cancel=0.5, level="free"), score("8", version=2, p_cancel=0.1, p_lapse=0.6))
    found = get("/v1/alerts").json()["alerts"]
    assert [alert["user_id"] for alert in found] == ["8", "7"]
    assert [alert["outcome"] for alert in found] == ["lapse", "cancel"]
    newest = found[0]
    summary = newest.pop("summary")
    assert summary.startswith("User 8, on the paid plan, rose from low to high risk: 70")
    assert "to leave within 30 days, " in summary
    assert newest.pop("id").startswith("alert_")
    assert newest.pop("risk") == pytest.approx(0.7)
    assert newest == {
        "user_id": "8",
        "band": "high",
        "from_band": "low",
        "p_cancel": 0.1,
        "p_lapse": 0.6,
        "outcome": "lapse",
        "level": "paid",
        "as_of": "2018-10-31T15:33:20.000Z",
        "raised_at": "2018-10-31T15:33:20.005Z",
        "model_version": "m1",
    }
    assert len(get("/v1/alerts?limit=1").json()["alerts"]) == 1


@pytest.mark.servers
def test_a_wrong_limit_is_named(get: Any) -> None:
    answer = get("/v1/alerts?limit=-1")
    assert answer.status_code == 422
    assert answer.json()["parameters"][0]["parameter"] == "limit"
