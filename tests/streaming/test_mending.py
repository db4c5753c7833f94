from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import ChurnError
from streaming.mending import DoesNotFit, rules

RECORD = {"ts": 1_541_000_000, "level": "gold", "page": "Home", "length": 0.5}


def mended(raw: bytes, **asked: list[str]) -> dict[str, Any]:
    chosen = {"to_set": [], "to_scale": [], "to_drop": [], **asked}
    return dict(json.loads(rules(**chosen)[1](raw)))


def test_fields_are_set_scaled_and_dropped() -> None:
    raw = json.dumps(RECORD).encode()
    found = mended(raw, to_set=["level=free", "itemInSession=3", "note=a=b"], to_scale=["ts=1000"], to_drop=["length"])
    assert found == {"ts": 1_541_000_000_000, "level": "free", "page": "Home", "itemInSession": 3, "note": "a=b"}
    assert isinstance(found["ts"], int)


def test_the_words_tell_each_rule() -> None:
    assert rules(["level=free"], ["ts=1000"], ["length"])[0] == ("set level=free", "scale ts=1000", "drop length")


@given(st.binary())
def test_without_rules_every_record_stays_byte_for_byte(raw: bytes) -> None:
    assert rules([], [], [])[1](raw) == raw


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[1]", b"3", b'{"ts": "soon"}', b'{"ts": true}', b"{}"])
def test_a_record_that_a_rule_does_not_fit_is_refused(raw: bytes) -> None:
    with pytest.raises(DoesNotFit):
        rules([], ["ts=1000"], [])[1](raw)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"to_set": ["level"]}, "level is no rule. Write it as set"),
        ({"to_set": ["=free"]}, "=free is no rule"),
        ({"to_scale": ["ts=much"]}, "much is no factor. Write it as scale"),
    ],
)
def test_a_rule_that_cannot_be_read_is_one_sentence(asked: dict[str, list[str]], said: str) -> None:
    with pytest.raises(ChurnError, match=said):
        rules(**{"to_set": [], "to_scale": [], "to_drop": [], **asked})
