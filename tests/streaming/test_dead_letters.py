"""Rubbish on the real topic, and the letter that the stream's own query writes about it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer

from churn.events import encode
from churn.settings import Kafka, Settings, Stream
from streaming.letter import FIELDS, RAW_BYTES
from tests.topic import everything

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VALID = {"ts": 1_541_000_000_000, "userId": "7", "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"}
LARGE = b'{"ts": 1541000000000, "song": "' + b"a" * 1_000_000 + b'"'
"""Cut short, and nearly as large as a producer may send."""


def sent(kafka: Kafka, values: list[bytes | None]) -> int:
    """Sends records to partition 1, and returns when the broker stamped the last one."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    futures = [producer.send(kafka.events_topic, value, key=b"7", partition=1) for value in values]
    producer.close()
    return int(futures[-1].get(timeout=30).timestamp)


def letters(kafka: Kafka) -> list[dict[str, Any]]:
    found = [json.loads(message.value) for message in everything(kafka, kafka.dead_letters_topic)]
    return sorted(found, key=lambda letter: letter["offset"])


@pytest.mark.servers
@pytest.mark.spark
def test_whatever_is_no_event_is_a_letter_however_large_it_is(
    spark: SparkSession, kafka: Kafka, tmp_path: Path
) -> None:
    from streaming import queries  # noqa: PLC0415 (brings pyspark)

    rubbish = b"no event \xff"
    stamped_ms = sent(kafka, [encode(VALID), rubbish, LARGE, None, encode({**VALID, "level": "gold"})])
    settings = Settings(kafka=kafka, stream=Stream(checkpoint=tmp_path))
    query = queries.letters(spark, settings)
    try:
        query.processAllAvailable()
    finally:
        query.stop()
    found = letters(kafka)
    assert [(letter["offset"], letter["reason"], letter.get("bytes")) for letter in found] == [
        (1, "malformed", len(rubbish)),
        (2, "malformed", len(LARGE)),
        (3, "malformed", None),
        (4, "unknown-level", len(encode({**VALID, "level": "gold"}))),
    ]
    assert {(letter["topic"], letter["partition"]) for letter in found} == {(kafka.events_topic, 1)}
    assert all(0 <= stamped_ms - letter["received_ms"] < 60_000 for letter in found)
    assert tuple(found[0]) == FIELDS
    assert base64.b64decode(found[0]["raw"]) == rubbish
    assert base64.b64decode(found[1]["raw"]) == LARGE[:RAW_BYTES]
