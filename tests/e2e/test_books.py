"""Whatever is sent, the books balance: in = scored + logged out + dead + late + duplicate, a kill included."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kafka import KafkaProducer

from churn import events
from churn.demo.figures import scrape
from tests.e2e.conftest import Running
from tests.streaming.test_dead_letters import letters

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_541_000_000_000
DAY_MS = 86_400_000
FUTURE_MS = 1_900_000_000_000
"""A producer's clock that is years ahead."""

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
pages = st.sampled_from(["NextSong", "Home", "Roll Advert", "Thumbs Up", "A Page Nobody Knows"])
event = st.fixed_dictionaries(
    {
        "ts": st.integers(START_MS, START_MS + DAY_MS),
        "userId": st.sampled_from(["7", "8", "", "ключ"]),
        "sessionId": st.integers(0, 3),
        "itemInSession": st.integers(0, 40),
        "page": pages,
        "level": st.sampled_from(["free", "paid"]),
    }
)
wrong = st.builds(
    lambda good, name, value: {**good, name: value},
    event,
    st.sampled_from(["ts", "userId", "sessionId", "itemInSession", "page", "level", "registration", "opening"]),
    anything,
)
ahead = st.builds(lambda good: {**good, "ts": FUTURE_MS}, event)
nested = st.integers(1, 600).map(lambda depth: b'{"ts":' + b"[" * depth + b"]" * depth + b"}")
huge = st.integers(1, 1200).map(lambda digits: b'{"ts": 1' + b"0" * digits + b', "userId": "7"}')
encoded = (event | event | wrong | ahead).map(lambda record: json.dumps(record).encode())
record = encoded | encoded | st.binary(max_size=60) | nested | huge


def made(count: int) -> list[bytes]:
    found: list[bytes] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(record)
    def collect(value: bytes) -> None:
        found.append(value)

    collect()
    large = [b'{"ts": 1541000000000, "song": "' + b"a" * 1_000_000, b"\xff" * 1_000_000]
    # What hypothesis likes best comes often, and each of these doubles is one.
    return [*found, *large, *found[: count // 20]]


def verdict(raw: bytes) -> str | tuple[Any, ...]:
    """What becomes of a record, by the validator that needs no Spark."""
    try:
        found = events.decode(raw, START_MS + 400 * DAY_MS)
    except events.InvalidEvent:
        return "dead"
    return "logged_out" if found.logged_out else found.identity


def test_the_books_balance_whatever_comes(running: Running, eventually: Callable[..., bool]) -> None:
    records = made(3000)
    verdicts = Counter(map(verdict, records))
    dead, logged_out = verdicts.pop("dead"), verdicts.pop("logged_out")
    scored, doubles = len(verdicts), sum(verdicts.values()) - len(verdicts)
    assert min(dead, logged_out, scored, doubles) > 50, "there is something of everything"
    view, kafka = running.view, running.kafka
    small = {"CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "400"}
    stream, publish = running.start("stream", **small), running.start("publish")
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", max_request_size=1_048_576)
    for number, value in enumerate(records):
        producer.send(kafka.events_topic, value, partition=number % kafka.partitions)
        if number == len(records) // 2:
            producer.flush()
            assert eventually(lambda: view.books().events_scored > 0, 120), stream.tail(30)
            stream.kill()
            stream = running.start("stream", **small)
    producer.close()
    running.reach(scored, stream, 180)
    assert eventually(lambda: len(letters(kafka)) >= dead, 60)
    assert publish.alive
    assert (view.books().events_scored, view.books().heartbeats) == (scored, 0)
    buried = {(letter["partition"], letter["offset"]) for letter in letters(kafka)}
    assert len(buried) == dead
    # Duplicates and the logged out of batches before the kill are not in this process's count.
    counted = scrape(running.port)
    assert counted["churn_stream_dropped", "late"] == 0
    assert counted["churn_stream_dropped", "duplicate"] <= doubles
    assert counted["churn_stream_records_total", "logged_out"] <= logged_out
    assert scored + doubles + logged_out + dead == len(records)
