from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from api import cursor, ranking

pytestmark = pytest.mark.servers


def ids(answer: Any) -> list[str]:
    return [user["user_id"] for user in answer.json()["users"]]


def pages(get: Any, **params: Any) -> list[list[str]]:
    """Every page, until there is no next one."""
    found, following = [], None
    while True:
        answer = get("/v1/users", params={**params, **({"cursor": following} if following else {})})
        assert answer.status_code == 200
        found.append(ids(answer))
        following = answer.json()["next"]
        if following is None:
            return found


def test_highest_risk_first_with_how_many_there_are(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(str(i), p_cancel=i / 10) for i in range(1, 7)), score("gone", status="cancelled"))
    answer = get("/v1/users", params={"limit": 2})
    assert (ids(answer), answer.json()["total"]) == (["6", "5"], 6)
    high = get("/v1/users", params={"band": "high"})
    assert (ids(high), high.json()["total"]) == (["6", "5"], 2)


def test_pages_hold_everybody_once_equal_risks_too(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(f"u{i:03}", p_cancel=(i % 3) / 10) for i in range(50)))
    for limit in (1, 7, 49, 50, 51):
        found = pages(get, limit=limit)
        flat = [each for page in found for each in page]
        assert sorted(flat) == [f"u{i:03}" for i in range(50)]
        assert all(len(page) == limit for page in found[:-1])


def test_who_goes_meanwhile_does_not_disturb_the_next_page(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(str(i), p_cancel=i / 20) for i in range(1, 7)))
    first = get("/v1/users", params={"limit": 3}).json()
    filled.add(score("4", version=2, status="cancelled"))  # the one that the cursor names
    assert ids(get("/v1/users", params={"limit": 3, "cursor": first["next"]})) == ["3", "2", "1"]


def test_filters(filled: Any, served: Any, get: Any, scored: Any) -> None:
    filled.add(
        scored("adverts", {"adverts_14d": 80.0}),
        scored("silent", {"silence_days": 20.0}),
        scored("paying", {"adverts_14d": 80.0, "paid": 1.0}, level="paid"),
        scored("free", level="free"),
    )
    served.client.post("/v1/users/silent/snooze", json={"hours": 1})
    assert sorted(ids(get("/v1/users", params={"driver": "adverts"}))) == ["adverts", "paying"]
    assert ids(get("/v1/users", params={"driver": "silence"})) == ["silent"]
    assert ids(get("/v1/users", params={"level": "free"})) == ["free"]
    assert ids(get("/v1/users", params={"mark": "snoozed"})) == ["silent"]
    assert "silent" not in ids(get("/v1/users", params={"mark": "none"}))


@pytest.mark.parametrize(
    "params",
    [
        {"band": "none"}, {"driver": "weather"}, {"level": "gold"}, {"mark": "x"}, {"limit": 0}, {"limit": 1001},
        {"cursor": "nonsense"}, {"cursor": cursor.written("7", 1)}, {"cursor": cursor.written(1)},
        {"cursor": "x" * 601}, {"cursor": "W05hTiwieCJd"}, {"cursor": cursor.written(float("inf"), "x")},
        {"cursor": cursor.written(0.5, "\ud800")}, {"cursor": cursor.written(1e300, "x")},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(get: Any, params: dict[str, Any]) -> None:
    answer = get("/v1/users", params=params)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:invalid-request")
    assert answer.json()["parameters"][0]["parameter"] == next(iter(params))


class TestCSV:
    def _rows(self, get: Any, **params: Any) -> list[dict[str, str]]:
        answer = get("/v1/users", params=params, headers={"Accept": "text/csv"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "users.csv" in answer.headers["content-disposition"]
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))

    def test_everybody_with_the_main_reason(self, filled: Any, get: Any, scored: Any) -> None:
        filled.add(scored("7", {"adverts_14d": 80.0}), *(scored(f"u{i}") for i in range(60)))
        rows = self._rows(get)
        assert len(rows) == 61
        assert (rows[0]["user_id"], rows[0]["driver"]) == ("7", "adverts")
        assert rows[0]["reason"] == "4.0 adverts a day lately; typical 0.2"
        assert len(self._rows(get, limit=5)) == 5

    def test_all_of_a_large_ranking(
        self, filled: Any, served: Any, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        filled.add(score("7"))
        [risk] = served.context.risks.look_up(["7"])
        pages = [150]

        def page(*given: Any) -> Any:
            pages[0] -= 1
            return [risk] * given[-1], (0.5, "7") if pages[0] else None

        monkeypatch.setattr(ranking, "page", page)
        monkeypatch.setattr(ranking, "_line", lambda cells: f"{cells[0]}\r\n")
        assert len(self._rows(get)) == 150_000

    @pytest.mark.parametrize(
        "user_id", ['=HYPERLINK("http://x")', "+1", "-1", "@x", "\n=1+1", "a,b", 'quo"te', "line\nbreak"]
    )
    def test_an_id_is_never_a_formula(self, filled: Any, get: Any, score: Any, user_id: str) -> None:
        filled.add(score(user_id))
        [row] = self._rows(get)
        assert row["user_id"].removeprefix("'") == user_id
        assert not row["user_id"].lstrip().startswith(("=", "+", "-", "@"))

    def test_a_link_asks_for_it_without_a_header(self, filled: Any, get: Any, score: Any) -> None:
        filled.add(score("7", p_cancel=0.6), score("8"))
        answer = get("/v1/users?band=high&format=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert [row["user_id"] for row in csv.DictReader(io.StringIO(answer.text))] == ["7"]
        json_wanted = get("/v1/users?format=json", headers={"Accept": "text/csv"})
        assert ids(json_wanted) == ["7", "8"]
        assert get("/v1/users?format=xml").status_code == 422
