"""One file of vectors through both validators: the plain one, and Spark's."""

from __future__ import annotations

import base64
import json
import random
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


def mutated(count: int, seed: int) -> list[bytes]:
    """Vectors with a few bytes cut out, doubled, exchanged or put in."""
    rng = random.Random(seed)
    # A field twice with two types is the one thing left on which the two disagree: Spark looks at both.
    bodies = [raw(vector) for vector in VECTORS if len(raw(vector)) < 2000]
    pieces = [
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"-",
        b"1",
        b"e9",
        b".5",
        b"null",
        b"true",
        b" ",
        b"\\",
        b"\xff",
    ]
    found = []
    for _ in range(count):
        body = rng.choice(bodies)
        for _ in range(rng.randrange(1, 4)):
            at, other = sorted(rng.randrange(len(body) + 1) for _ in range(2))
            near = min(other, at + rng.randrange(8))
            body = rng.choice(
                [
                    body[:at] + body[near:],
                    body[:at] + rng.choice(pieces) + body[at:],
                    body[:at] + rng.choice(pieces) + body[near:],
                    body[:near] + body[at:],
                ]
            )
        found.append(body)
    return found


@pytest.mark.spark
def test_both_validators_give_one_verdict_on_rubbish(spark: SparkSession) -> None:
    from churn.parsing import parse  # noqa: PLC0415

    values = mutated(3000, seed=1)
    rows = [(at, bytearray(value), 1_540_000_000_000) for at, value in enumerate(values)]
    frame = spark.createDataFrame(rows, "at int, value binary, received_ms bigint")
    found = {row["at"]: row["reason"] for row in parse(frame).select("at", "reason").collect()}
    expected = {at: verdict(value, 1_540_000_000_000) for at, value in enumerate(values)}
    assert {values[at]: (found[at], reason) for at, reason in expected.items() if found[at] != reason} == {}
    assert len(set(expected.values())) == 7  # every reason, and none


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_whatever_comes_gets_a_verdict(value: bytes) -> None:
    assert verdict(value, 0) in (None, "malformed", "missing-field")


@given(
    st.integers(events.TS_MIN_MS, events.TS_MAX_MS - 1),
    st.text(min_size=1, max_size=20).filter(lambda text: text[0] not in "{["),
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
