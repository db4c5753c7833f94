"""Dead letters on a real broker: read, mended, sent again, noted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from churn import settings as configuration
from churn.cli import app
from churn.events import encode, heartbeat
from churn.settings import DAY_MS, Kafka, Settings
from streaming.letter import RAW_BYTES, Letter, read
from streaming.mending import rules
from streaming.redrive import Box, open_box, redrive
from tests.topic import everything

NOW_MS = 1_790_000_000_000
T0 = 1_541_000_000_000
VALID = {"ts": T0, "userId": "ключ", "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"}
SECONDS = {**VALID, "ts": T0 // 1000}
GOLD = {**VALID, "level": "gold"}

pytestmark = pytest.mark.servers


def letter(value: bytes | None, reason: str, topic: str, offset: int) -> bytes:
    facts: dict[str, Any] = {
        "reason": reason,
        "topic": topic,
        "partition": 1,
        "offset": offset,
        "received_ms": T0 + offset,
    }
    if value is not None:
        facts |= {"bytes": len(value), "raw": base64.b64encode(value[:RAW_BYTES]).decode()}
    return json.dumps(facts).encode()


@pytest.fixture
def settings(kafka: Kafka) -> Settings:
    """Six letters, and something that is none, in one partition."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    records = [
        (encode(SECONDS), "ts-out-of-range", kafka.events_topic),
        (encode(GOLD), "unknown-level", kafka.events_topic),
        (b"\xff no event", "malformed", kafka.events_topic),
        (b'{"song": "' + b"a" * (RAW_BYTES + 9), "malformed", kafka.events_topic),
        (b"rubbish", "unreadable-score", kafka.scores_topic),
        (None, "missing-field", kafka.events_topic),
    ]
    for offset, record in enumerate(records):
        producer.send(kafka.dead_letters_topic, letter(*record, offset), partition=0)
    producer.send(kafka.dead_letters_topic, b"of somebody else", partition=0)
    producer.close()
    return Settings(kafka=kafka)


def events_of(kafka: Kafka) -> list[tuple[bytes, dict[str, Any]]]:
    return [(message.key, json.loads(message.value)) for message in everything(kafka, kafka.events_topic)]


def sent(
    box: Box, settings: Settings, to_set: list[str], to_scale: list[str], **more: Any
) -> tuple[list[str], dict[str, str]]:
    words, mend = rules(to_set, to_scale, [])
    noted, refused = redrive(box.letters.values(), words, mend, settings, NOW_MS, **{"clock_ms": T0, **more})
    return [note.letter for note in noted], {one.letter.id: one.why for one in refused}


def test_only_what_is_an_event_now_is_sent_and_each_leaves_a_note(settings: Settings, kafka: Kafka) -> None:
    box = open_box(settings)
    assert (list(box.letters), box.foreign, box.redriven) == ([f"0-{n}" for n in range(6)], 1, {})
    noted, refused = sent(box, settings, [], ["ts=1000"])
    assert noted == ["0-0"]
    assert refused == {
        "0-1": "unknown-level",
        "0-2": "it cannot be read as JSON",
        "0-3": "its letter holds only the beginning of it",
        "0-4": f"it is no event, but a record of {kafka.scores_topic}",
        "0-5": "it has no value",
    }
    assert events_of(kafka) == [("ключ".encode(), VALID)]
    [note] = open_box(settings).redriven["0-0"]
    assert (note.at_ms, note.rules, note.topic, note.offset) == (NOW_MS, ("scale ts=1000",), kafka.events_topic, 0)


def test_before_any_program_has_started_there_are_none(kafka: Kafka) -> None:
    assert open_box(Settings(kafka=kafka.model_copy(update={"dead_letters_topic": "not-made-yet"}))) == Box()


def test_a_dry_run_sends_nothing(settings: Settings, kafka: Kafka) -> None:
    assert sent(open_box(settings), settings, ["level=free"], [], send=False)[0] == ["0-1"]
    assert events_of(kafka) == []
    assert open_box(settings).redriven == {}


@pytest.mark.parametrize(("clock_ms", "goes"), [(T0 + 3 * DAY_MS, True), (T0 + 3 * DAY_MS + 1, False), (None, True)])
def test_what_would_be_late_is_not_sent(settings: Settings, clock_ms: int | None, goes: bool) -> None:
    noted, refused = sent(open_box(settings), settings, ["level=free"], [], clock_ms=clock_ms, send=False)
    assert noted == ["0-1"] * goes
    assert ("would be dropped as late" in refused.get("0-1", "")) is not goes


def test_heartbeats_are_not_sent_by_hand(settings: Settings) -> None:
    value = encode(heartbeat("7", T0))
    forged = Letter("0-9", "malformed", settings.kafka.events_topic, 0, 9, T0, len(value), value)
    _, refused = redrive([forged], (), lambda raw: raw, settings, NOW_MS, None)
    assert [one.why for one in refused] == ["the page Heartbeat is not sent by hand"]


def test_the_commands(settings: Settings, kafka: Kafka, redis_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "load", lambda: settings)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["dead-letters", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    assert "6 dead letters: 2 malformed," in run("list")
    assert "no value" in run("list", "--reason", "missing-field")
    assert '"level":"gold"' in run("show", "0-1")
    assert "\\xff no event" in run("show", "0-2")
    assert "0-2: not sent" in run("redrive", "0-2", "0-1", "--set", "level=free", code=1)
    assert "Sent 0 of 1; 1 were sent again before." in run("redrive", "--reason", "unknown-level")
    assert len(events_of(kafka)) == 1
    assert "sent again 20" in run("show", "0-1")
    assert [held["redriven"] != [] for held in json.loads(run("list", "--json"))] == [n == 1 for n in range(6)]


@pytest.mark.parametrize("value", [b"", b"[]", b"\xff", b'{"redriven": 3}', b'{"reason": "a"}', b'{"raw": "%"}'])
def test_what_no_program_of_ours_wrote_is_no_letter(value: bytes) -> None:
    assert read(value, 0, 0) is None
