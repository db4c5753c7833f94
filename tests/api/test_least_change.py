"""The least change once other figures are as they should be, and bands that follow a user's own."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.servers

ADVERTS = {"changes": {"per_day": {"adverts": 12}}}


def test_from_a_typical_user_with_other_figures(filled: Any, served: Any) -> None:
    told = served.client.post("/v1/least-change", json=ADVERTS).json()
    assert (told["band"], told["reachable"]) == ("high", True)
    assert told["then"]["risk"] < told["below"] <= told["now"]["risk"]
    assert told["now"]["figures"]["per_day"]["adverts"] == pytest.approx(12)
    [adverts] = [each for each in told["changes"] if each["lever"] == "adverts"]
    assert adverts["then"] < adverts["now"]


def test_a_user_as_they_are_is_told_as_by_get(filled: Any, served: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 90.0}))
    assert (
        served.client.post("/v1/users/7/least-change", json={"changes": {}}).json()
        == served.client.get("/v1/users/7/least-change").json()
    )


def test_what_was_changed_already_counts(filled: Any, served: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 90.0}))
    told = served.client.post("/v1/users/7/least-change", json={"changes": {"per_day": {"adverts": 0}}}).json()
    assert (told["band"], told["changes"]) == ("low", [])
    worse = served.client.post("/v1/users/7/least-change", json={"changes": {"silence_days": 9}}).json()
    assert worse["now"]["risk"] > served.client.get("/v1/users/7/least-change").json()["now"]["risk"]


def test_a_user_stays_in_a_band_until_it_is_left(filled: Any, served: Any, scored: Any) -> None:
    inside = scored("7", {"adverts_14d": 90.0})
    filled.add(inside, scored("7", {"adverts_14d": 42.0}, version=2))
    now = served.client.get("/v1/users/7/risk").json()
    assert (now["band"], 0.5 * 0.85 <= now["risk"] < 0.5) == ("high", True)
    told = served.client.post("/v1/users/7/what-if", json={"changes": {"tenure_days": 1}}).json()
    assert (told["now"]["band"], told["then"]["band"]) == ("high", "high")


def test_what_cannot_be(served: Any, filled: Any, scored: Any) -> None:
    filled.add(scored("8", model_version="gone"))
    ask = served.client.post
    assert ask("/v1/least-change", json={"changes": {"silence_days": -1}}).status_code == 422
    assert ask("/v1/users/nobody/least-change", json={"changes": {}}).status_code == 404
    assert ask("/v1/users/8/least-change", json={"changes": {}}).status_code == 503
