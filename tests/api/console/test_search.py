from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from api.console import search
from api.console.search import ids_containing, pattern


def test_a_pattern_means_nothing_but_the_text() -> None:
    assert pattern("a-1") == "*[aA]-1*"
    assert pattern("*?[]^\\") == "*\\*\\?\\[\\]\\^\\\\*"
    assert fnmatchcase("xANN7", pattern("ann"))


@pytest.mark.servers
@pytest.mark.parametrize("text", ["*", "?", "[a]", "^", "\\", "a*", "]", "é", "<b>", " "])
def test_what_patterns_are_made_of_is_found_as_it_stands(filled: Any, score: Any, text: str) -> None:
    filled.add(score("plain"), score(f"x{text}y"), score("a"))
    found = ids_containing(filled.view.redis, text)
    assert (found.user_ids, found.whole) == ([f"x{text}y"], True)


@pytest.mark.servers
def test_highest_risk_first_in_a_band_or_in_all_whatever_the_case(filled: Any, score: Any) -> None:
    filled.add(score("Ann1"), score("ann2", p_cancel=0.6), score("bob", p_cancel=0.7), score("JOANN", p_cancel=0.2))
    redis = filled.view.redis
    assert ids_containing(redis, "ANN").user_ids == ["ann2", "JOANN", "Ann1"]
    assert ids_containing(redis, "ann", "high").user_ids == ["ann2"]


@pytest.mark.servers
def test_a_large_ranking_is_looked_at_only_in_part(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 400)
    monkeypatch.setattr(search, "STEP", 100)
    filled.view.redis.zadd("churn:ranking", {f"u{number}": number / 1e6 for number in range(3000)})
    found = ids_containing(filled.view.redis, "u")
    assert not found.whole
    assert 300 <= len(found.user_ids) <= 1000
