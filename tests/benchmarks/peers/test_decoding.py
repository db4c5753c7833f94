"""The fast reader gives what the contract's own reader gives, on whatever comes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import decoding
from churn import events
from churn.simulator import Simulation
from tests.churn.test_event_vectors import VECTORS, mutated, raw

RECEIVED_MS = 1_540_000_000_000


def outcome(reader: Callable[[bytes, int], decoding.Decoded], value: bytes) -> object:
    try:
        return reader(value, RECEIVED_MS)
    except events.InvalidEvent as invalid:
        return invalid.reason


def plain(value: bytes, received_ms: int) -> decoding.Decoded:
    event = events.decode(value, received_ms)
    return (*event.identity, event.page, event.level, event.registration, event.opening)


@pytest.mark.parametrize("value", [raw(vector) for vector in VECTORS])
def test_the_vectors(value: bytes) -> None:
    assert outcome(decoding.decode, value) == outcome(plain, value)


def test_rubbish() -> None:
    for value in mutated(5000, seed=2):
        assert outcome(decoding.decode, value) == outcome(plain, value), value


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.just([])
FIELDS = ("userId", "sessionId", "itemInSession", "ts", "page", "level", "registration", "opening", "song")


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=2))
def test_a_field_of_any_type(changes: dict[str, object]) -> None:
    row = {"userId": "7", "sessionId": 1, "itemInSession": 0, "ts": RECEIVED_MS, "page": "Home", "level": "free"}
    value = json.dumps({**row, **changes}).encode()
    assert outcome(decoding.decode, value) == outcome(plain, value)


@pytest.mark.parametrize("digits", [900, 999, 1000])
def test_a_long_number_in_a_field_that_nobody_reads(digits: int) -> None:
    row = '{"userId":"7","sessionId":1,"itemInSession":0,"ts":1539000000000,"page":"Home","length":%s}'
    value = (row % ("1." + "1" * digits)).encode()
    assert outcome(decoding.decode, value) == outcome(plain, value)


def test_what_is_usual_is_decided_without_the_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(events, "decode")
    start_ms = RECEIVED_MS - 5 * 86_400_000
    rows = list(Simulation(20, start_ms, RECEIVED_MS).events())
    assert len(rows) > 100
    for row in rows:
        assert decoding.decode(events.encode(row), RECEIVED_MS)[0] == row["userId"]
