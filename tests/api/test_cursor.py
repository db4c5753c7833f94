from __future__ import annotations

from typing import Any

import pytest

from api import cursor
from api.problems import ProblemError


def test_what_was_written_is_read() -> None:
    assert cursor.read(cursor.written(0.25, "a\nü=\N{PILE OF POO}"), float, str) == (0.25, "a\nü=\N{PILE OF POO}")


@pytest.mark.parametrize("part", [float("nan"), float("inf"), float("-inf"), 1e300, 2**63, "\ud800"])
def test_what_redis_does_not_take_is_none_of_the_list(part: Any) -> None:
    with pytest.raises(ProblemError, match="not one of this list"):
        cursor.read(cursor.written(part), type(part))


def test_a_number_too_large_for_a_float_is_none_of_the_list() -> None:
    with pytest.raises(ProblemError, match="not one of this list"):
        cursor.read("WzFlOTk5XQ", float)  # [1e999]


@pytest.mark.servers
@pytest.mark.parametrize("place", ["abc", "", "1-", "-1", "1-2-3", "٣-٣", "1" * 20 + "-0", "1-2\n"])
def test_the_audit_log_refuses_what_is_no_id_of_its_own(filled: Any, get: Any, place: str) -> None:
    answer = get("/v1/audit", params={"cursor": cursor.written(place)})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:invalid-request")
    assert answer.json()["parameters"][0]["parameter"] == "cursor"
