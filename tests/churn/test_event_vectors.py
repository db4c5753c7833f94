"""One file of vectors through both validators: the plain one, and Spark's."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn import events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("event_vectors.json").read_text())


def raw(vector: Mapping[str, Any]) -> bytes:
    return base64.b64decode(vector["base64"]) if "base64" in vector else vector["text"].encode()


def verdict(value: bytes, received_ms: int | None) -> str | None:
    try:
        events.decode(value, received_ms)
    except events.InvalidEvent as invalid:
        return invalid.reason
    return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_plain_validator(vector: dict[str, Any]) -> None:
    assert verdict(raw(vector), vector["received_ms"]) == vector["reason"]


@pytest.mark.spark
def test_sparks_validator(spark: SparkSession) -> None:
    from churn.parsing import parse  # noqa: PLC0415 (the unmarked tests need no Spark)

    rows = [(vector["name"], bytearray(raw(vector)), vector["received_ms"]) for vector in VECTORS]
    frame = spark.createDataFrame(rows, "name string, value binary, received_ms bigint")
    found = {row["name"]: row for row in parse(frame).collect()}
    assert {name: row["reason"] for name, row in found.items()} == {v["name"]: v["reason"] for v in VECTORS}
    for vector in VECTORS:
        if vector["reason"] is None:
            event, row = events.decode(raw(vector), vector["received_ms"]), found[vector["name"]]
            assert (row["user_id"], row["session_id"], row["item"], row["ts"]) == event.identity
            assert (row["page"], row["level"], row["registration"]) == (event.page, event.level, event.registration)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_whatever_comes_gets_a_verdict(value: bytes) -> None:
    assert verdict(value, 0) in (None, "malformed", "missing-field")


@given(
    st.integers(events.TS_MIN_MS, events.TS_MAX_MS - 1),
    st.text(min_size=1, max_size=20),
    st.sampled_from(events.LEVELS),
)
def test_what_is_encoded_is_decoded(ts: int, user_id: str, level: str) -> None:
    record = {"ts": ts, "userId": user_id, "sessionId": 1, "itemInSession": 2, "page": "Home", "level": level}
    try:
        event = events.decode(events.encode(record), None)
    except UnicodeEncodeError:
        return  # half of a surrogate pair is no text that JSON could carry
    assert (event.identity, event.level) == ((user_id, 1, 2, ts), level)
    assert events.decode(events.encode(events.heartbeat(user_id, ts)), None).page == events.HEARTBEAT
