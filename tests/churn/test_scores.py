"""The score record as Spark writes it, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import ChurnError
from churn.scores import Score, decode

SCORE = Score(
    user_id="7",
    epoch=1,
    version=2,
    as_of=1_541_000_000_000,
    last_event=1_541_000_000_000,
    events=2,
    opened=0,
    heartbeats=0,
    level="paid",
    status="active",
    p_cancel=0.1,
    p_lapse=0.05,
    risk=0.15,
    features={"songs_paid_3d": 0.1 + 0.2, "paid": 1.0},
    model_version="m1",
    received_ms=1_541_000_000_003,
)


def _encoded(**changes: object) -> bytes:
    return json.dumps(asdict(SCORE) | changes).encode()


def test_decode_reads_what_spark_writes() -> None:
    assert decode(_encoded()) == SCORE
    record = asdict(SCORE)
    del record["last_event"], record["received_ms"]  # null, and so left out
    assert decode(json.dumps(record).encode()) == replace(SCORE, last_event=None, received_ms=None)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b"7", b'"text"', b"{}", b"\xff\xfe", _encoded(surprise=1), _encoded()[:-9]],
)
def test_decode_refuses_what_is_no_record(raw: bytes) -> None:
    with pytest.raises(ChurnError, match="cannot be read"):
        decode(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"as_of": 10**18},
        {"as_of": 0},
        {"last_event": 10**18},
        {"risk": 1e300},
        {"p_cancel": -0.1},
        {"level": "gold"},
        {"events": -1},
        {"version": 2**53},
        {"user_id": ""},
        {"user_id": "7" * 257},
        {"model_version": "../m1"},
        {"model_version": "m\u0000"},
        {"model_version": "m" * 65},
    ],
)
def test_a_record_that_would_spoil_the_view_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ChurnError, match=f"cannot be read: {next(iter(changes))}"):
        decode(_encoded(**changes))


def test_a_risk_that_is_a_rounding_above_one_is_read() -> None:
    assert decode(_encoded(risk=1 + 2**-52)).risk > 1


@given(st.binary(max_size=60))
def test_decode_refuses_any_bytes_in_one_way(raw: bytes) -> None:
    with pytest.raises(ChurnError):
        decode(raw)


@pytest.mark.parametrize(
    "change",
    [{"risk": math.nan}, {"risk": "high"}, {"user_id": None}, {"version": 1.5}, {"features": None}, {"status": "x"}],
)
def test_decode_refuses_values_of_the_wrong_kind(change: dict[str, object]) -> None:
    with pytest.raises(ChurnError):
        decode(_encoded(**change))
