"""Counting what comes in: nothing twice, nothing lost but what is told, and never in the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError, OffsetOutOfRangeError
from structlog.testing import capture_logs

from churn import metrics, tally_reader, topics
from churn.events import encode, heartbeat
from churn.settings import Kafka, Publish, Redis, Settings
from churn.tally import Counts, Place, TallyWriter
from streaming import tallying
from streaming.letter import Redriven
from streaming.tallying import BEHIND_S, IDLE_S, Tallying
from tests.conftest import Servers
from tests.streaming.test_publish import publishing, settings_for

TS = 1_541_000_000_000
VALUE = encode({"ts": TS, "userId": "7", "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"})
EVENTS, DEAD = "churn.events", "churn.dead-letters"


@dataclass
class Topics:
    """Kafka, in memory."""

    held: dict[TopicPartition, list[bytes | None]] = field(default_factory=dict)
    begins: dict[TopicPartition, int] = field(default_factory=dict)
    away: bool = False

    @classmethod
    def of(cls, partitions: int = 1) -> Topics:
        made = cls()
        for number in range(partitions):
            made.held |= {TopicPartition(EVENTS, number): [], TopicPartition(DEAD, number): []}
        return made

    def send(self, *values: bytes | None, topic: str = EVENTS, partition: int = 0) -> None:
        self.held[TopicPartition(topic, partition)] += values

    def end(self, partition: TopicPartition) -> int:
        return self.begins.get(partition, 0) + len(self.held[partition])


class Consumer:
    """As much of kafka-python's as is used."""

    def __init__(self, kafka: Topics) -> None:
        self._kafka, self._positions = kafka, dict[TopicPartition, int]()
        self.closed = False

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {each.partition for each in self._kafka.held if each.topic == topic}

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = {each: self._positions.get(each, -1) for each in partitions}

    def beginning_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        self._answer()
        return {each: self._kafka.begins.get(each, 0) for each in partitions}

    def end_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        self._answer()
        return {each: self._kafka.end(each) for each in partitions}

    def highwater(self, partition: TopicPartition) -> int:
        return self._kafka.end(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def _answer(self) -> None:
        if self._kafka.away:
            raise KafkaTimeoutError("no answer")

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        found: dict[TopicPartition, list[Any]] = {}
        if self._kafka.away:
            return {}
        for partition, at in self._positions.items():
            begin = self._kafka.begins.get(partition, 0)
            if not begin <= at <= self._kafka.end(partition):
                raise OffsetOutOfRangeError({partition: at})
            values = self._kafka.held[partition][at - begin :][: max_records - sum(map(len, found.values()))]
            if values:
                self._positions[partition] += len(values)
                found[partition] = [
                    SimpleNamespace(value=value, timestamp=TS + 5, partition=partition.partition, offset=at + place)
                    for place, value in enumerate(values)
                ]
        return found

    def close(self, timeout_ms: int) -> None:
        self.closed = True


@dataclass
class Books:
    """The tally, in memory; `fails` is what the next writings raise, and whether they are done all the same."""

    held: dict[Place, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    writings: int = 0
    away: bool = False
    fails: list[bool] = field(default_factory=list)

    def offsets(self, places: list[Place]) -> dict[Place, int | None]:
        if self.away:
            raise redis.ConnectionError("refused")
        return {place: self.held.get(place) for place in places}

    def add(self, counts: Counts, moved: dict[Place, tuple[int | None, int]], wall_ms: int) -> None:
        if self.away:
            raise redis.ConnectionError("refused")
        done_all_the_same = self.fails.pop(0) if self.fails else None
        if done_all_the_same is False:
            raise redis.TimeoutError("no answer")
        if [before for before, _ in moved.values()] != [self.held.get(place) for place in moved]:
            raise redis.WatchError("the tally holds other offsets")
        self.writings += 1
        self.held |= {place: to for place, (_, to) in moved.items()}
        for name, count in counts.sums.items():
            self.sums[name] = self.sums.get(name, 0) + count
        if done_all_the_same:
            raise redis.TimeoutError("no answer")


@dataclass
class Bench:
    """A tallying over both, with a clock that resting moves."""

    kafka: Topics
    books: Books = field(default_factory=Books)
    per_second: int = 2000
    now_s: float = 1000.0
    rests: list[float] = field(default_factory=list)
    until_s: float = 0.0

    def make(self) -> Tallying:
        settings = Settings(publish=Publish(tally_per_second=self.per_second))
        writer: Any = self.books
        return Tallying(settings, writer, lambda: Consumer(self.kafka), self.rest, lambda: self.now_s, lambda: TS)

    def rest(self, seconds: float) -> bool:
        self.rests.append(seconds)
        self.now_s += seconds
        return self.now_s >= self.until_s

    def run(self, seconds: float) -> None:
        """A program that counts for a while, and ends in order."""
        self.until_s = self.now_s + seconds
        self.make().run()


def at(kafka: Topics, topic: str = EVENTS, partition: int = 0) -> int:
    return kafka.end(TopicPartition(topic, partition))


def test_it_begins_at_the_end_and_goes_on_where_it_was() -> None:
    bench = Bench(Topics.of())
    bench.kafka.send(*[VALUE] * 700)
    bench.run(3)
    assert bench.books.sums.get("events", 0) == 0
    bench.kafka.send(*[VALUE] * 30)
    bench.run(3)
    bench.kafka.send(*[VALUE] * 12)
    bench.run(3)
    assert bench.books.sums == {"events": 42}
    assert bench.books.held[EVENTS, 0] == 742


def test_rubbish_is_no_event_and_letters_are_counted_but_not_the_notes() -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    before = {kind: sample(kind) for kind in ("event", "invalid", "letter", "passed")}
    bench.kafka.send(VALUE, b"rubbish", None, b"[]", b"\xff", encode(heartbeat("7", TS)), VALUE)
    letter = {"reason": "malformed", "topic": EVENTS, "partition": 0, "offset": 1, "received_ms": TS}
    note = Redriven("0-0", TS, (), EVENTS, 0, 9).encode()
    bench.kafka.send(json.dumps(letter).encode(), note, b"of somebody else", None, topic=DEAD)
    bench.run(2)
    assert bench.books.sums == {"events": 2, "dead|malformed": 1, "dead|other": 2}
    assert {kind: sample(kind) - was for kind, was in before.items()} == {
        "event": 3, "invalid": 4, "letter": 3, "passed": 0
    }  # fmt: skip


def sample(kind: str) -> float:
    return metrics.PUBLISH.get_sample_value("churn_publish_tallied_total", {"kind": kind}) or 0.0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(1, 120)),
            st.tuples(st.just("steps"), st.integers(1, 30)),
            st.tuples(st.just("die"), st.just(0)),
            st.tuples(st.just("fail"), st.integers(0, 1)),
        ),
        max_size=40,
    )
)
def test_whatever_happens_nothing_is_counted_twice_or_lost(story: list[tuple[str, int]]) -> None:
    bench = Bench(Topics.of(2))
    bench.run(1)
    working = bench.make()
    working.resume()
    sent = 0
    for what, number in story:
        if what == "send":
            bench.kafka.send(*[VALUE] * number, partition=number % 2)
            sent += number
        elif what == "fail":
            bench.books.fails.append(bool(number))
        elif what == "die":
            working = bench.make()
            working.resume()
        else:
            for _ in range(number):
                try:
                    bench.rest(working.step())
                except redis.RedisError:
                    working.resume()
        counted = sum(offset for (topic, _), offset in bench.books.held.items() if topic == EVENTS)
        assert bench.books.sums.get("events", 0) == counted
    bench.books.fails.clear()
    bench.run(10)
    assert bench.books.sums.get("events", 0) == sent


def test_it_takes_little_at_a_time_keeps_to_its_budget_and_writes_once_a_second() -> None:
    bench = Bench(Topics.of(), per_second=100)
    bench.run(1)
    bench.kafka.send(*[VALUE] * 900)
    bench.rests.clear()
    writings = bench.books.writings
    bench.run(5)
    assert 480 <= bench.books.sums["events"] <= 520
    assert all(rest > 0 for rest in bench.rests)
    assert bench.books.writings - writings <= 7
    bench.run(5)
    assert bench.books.sums["events"] == 900
    assert set(bench.rests[-3:]) == {IDLE_S}


def test_what_it_cannot_keep_up_with_is_passed_over_and_told() -> None:
    bench = Bench(Topics.of(), per_second=100)
    bench.run(1)
    bench.kafka.send(*[VALUE] * (100 * BEHIND_S))
    working = bench.make()
    working.resume()
    for _ in range(5):
        bench.rest(working.step())
    bench.kafka.send(*[VALUE] * 5000)
    letter = json.dumps({"reason": "malformed", "topic": EVENTS, "partition": 0, "offset": 1, "received_ms": TS})
    bench.kafka.send(letter.encode(), topic=DEAD)
    for _ in range(30):
        bench.rest(working.step())
    working.write()
    sums = bench.books.sums
    assert sums["events"] + sums["passed"] == 6000
    assert sums["passed"] > 5000
    assert sums["dead|malformed"] == 1, "only the topic that is behind"
    bench.kafka.send(*[letter.encode()] * 1001, topic=DEAD)
    bench.run(1)
    assert sums["passed_letters"] == 1001


def test_a_topic_that_was_made_anew_counts_from_its_end_on() -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    bench.kafka.send(*[VALUE] * 40)
    bench.run(2)
    bench.kafka.held[TopicPartition(EVENTS, 0)] = [VALUE] * 3
    bench.run(2)
    assert (bench.books.sums, bench.books.held[EVENTS, 0]) == ({"events": 40}, 3)
    working = bench.make()
    working.resume()
    bench.kafka.send(*[VALUE] * 4)
    working.step()
    bench.kafka.held[TopicPartition(EVENTS, 0)] = []  # while it runs
    with pytest.raises(OffsetOutOfRangeError):
        working.step()
    assert bench.books.sums == {"events": 44}, "what was counted before is written"
    bench.run(2)
    bench.kafka.send(VALUE)
    bench.run(2)
    assert (bench.books.sums, bench.books.held[EVENTS, 0]) == ({"events": 45}, 1)


def test_what_kafka_threw_away_meanwhile_was_passed_over() -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    bench.kafka.send(*[VALUE] * 40)
    bench.run(2)
    bench.kafka.begins[TopicPartition(EVENTS, 0)] = 100
    bench.run(2)
    assert bench.books.sums == {"events": 80, "passed": 60}


def test_a_partition_that_is_added_is_counted_from_its_beginning() -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    working = bench.make()
    working.resume()
    working.step()
    bench.kafka.held[TopicPartition(EVENTS, 1)] = [VALUE] * 3
    for _ in range(12):
        bench.rest(working.step())
    assert bench.books.sums == {"events": 3}


def test_while_there_is_no_topic_it_waits_for_one() -> None:
    bench = Bench(Topics())
    bench.run(3)
    bench.kafka = Topics.of()
    bench.run(1)
    bench.kafka.send(VALUE)
    bench.run(1)
    assert bench.books.sums == {"events": 1}


@pytest.mark.parametrize("who", ["kafka", "books"])
def test_while_one_is_away_it_waits_says_so_once_and_goes_on(who: str) -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    for _ in range(2):
        bench.kafka.send(*[VALUE] * 30)
        getattr(bench, who).away = True
        with capture_logs() as logs:
            bench.run(600)
        assert [log["log_level"] for log in logs] == ["warning"]
        assert max(bench.rests) <= 30
        getattr(bench, who).away = False
        bench.run(2)
    assert bench.books.sums == {"events": 60}


def test_a_redis_that_went_back_is_followed() -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    working = bench.make()
    working.resume()
    bench.kafka.send(*[VALUE] * 30)
    working.step()
    working.write()
    bench.books.held[EVENTS, 0], bench.books.sums = 10, {"events": 10}
    bench.kafka.send(VALUE)
    working.step()
    with pytest.raises(redis.WatchError):
        working.write()
    bench.run(2)
    assert bench.books.sums == {"events": 31}


def test_an_error_that_nobody_thought_of_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(Topics.of())
    bench.run(1)
    bench.kafka.send(VALUE)
    real, fails = Consumer.poll, [RuntimeError("odd")]

    def poll(self: Consumer, *arguments: Any, **options: Any) -> Any:
        if fails:
            raise fails.pop()
        return real(self, *arguments, **options)

    monkeypatch.setattr(Consumer, "poll", poll)
    with capture_logs() as logs:
        bench.run(40)
    assert [log["log_level"] for log in logs] == ["error"]
    assert bench.books.sums == {"events": 1}


def test_switched_off_it_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    off = Settings(kafka=Kafka(bootstrap="127.0.0.1:1"), publish=Publish(tally_per_second=0))
    with tallying.tallying(off, threading.Event()):
        assert threading.active_count() == before


def test_counting_ends_together_with_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, stopping = threading.Event(), threading.Event()

    class Counting:
        def __init__(self, _settings: Settings, _writer: Any, _connect: Any, rest: Callable[[float], bool]) -> None:
            self._rest = rest

        def run(self) -> None:
            if self._rest(60):
                ended.set()

    monkeypatch.setattr(tallying, "Tallying", Counting)
    with tallying.tallying(Settings(), stopping):
        stopping.set()
        assert ended.wait(10), "before publishing has closed what it holds"


def test_what_hangs_holds_up_the_end_for_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, waited = threading.Event(), list[float]()

    class Thread(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            waited.append(timeout or 0)
            super().join(0)

    monkeypatch.setattr(Tallying, "run", lambda _: let_go.wait(60))
    monkeypatch.setattr(tallying.threading, "Thread", Thread)
    with tallying.tallying(Settings(), threading.Event()):
        pass
    let_go.set()
    assert waited == [1.0]


def send(kafka: Kafka, *values: bytes, topic: str | None = None, partition: int | None = None) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for place, value in enumerate(values):
        producer.send(topic or kafka.events_topic, value, key=str(place).encode(), partition=partition)
    producer.close()


@pytest.mark.servers
def test_publish_counts_what_comes_in(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(topics, "METADATA_AGE_MS", 300)
    settings = settings_for(tmp_path, kafka, servers.redis_url)
    send(kafka, *[VALUE] * 5)

    def events() -> int:
        found = tally_reader.read(redis_client, 28)
        return -1 if found is None else found.events

    with publishing(settings):
        assert eventually(lambda: events() == 0, 15)
        send(kafka, *[VALUE] * 60, b"rubbish")
        letter = json.dumps({"reason": "malformed", "topic": kafka.events_topic, "partition": 0, "offset": 1,
                             "received_ms": TS})  # fmt: skip
        send(kafka, letter.encode(), topic=kafka.dead_letters_topic)
        assert eventually(lambda: events() == 60, 15)
    send(kafka, *[VALUE] * 40)
    with publishing(settings):
        assert eventually(lambda: events() == 100, 15)
        admin = topics.connect(kafka)
        admin.create_partitions({kafka.events_topic: 3})
        admin.close()
        send(kafka, VALUE, VALUE, partition=2)
        assert eventually(lambda: events() == 102, 15)
        found = tally_reader.read(redis_client, 28)
    assert found is not None
    assert {reason: each.count for reason, each in found.dead.items()} == {"malformed": 1}
    assert [day.pages for day in found.days] == [{("Home", "free"): 102}]


@pytest.mark.servers
def test_a_real_topic_that_is_made_anew(
    kafka: Kafka, servers: Servers, redis_client: Any, eventually: Callable[..., bool]
) -> None:
    settings = Settings(kafka=kafka, redis=Redis(url=servers.redis_url))
    writer, ending = TallyWriter(redis_client), threading.Event()
    counting = Tallying(settings, writer, lambda: tallying.connected(settings), ending.wait)
    thread = threading.Thread(target=counting.run)
    thread.start()
    places = [(kafka.events_topic, number) for number in range(2)]
    try:
        assert eventually(lambda: writer.offsets(places) == dict.fromkeys(places, 0), 15)
        send(kafka, *[VALUE] * 50)
        assert eventually(lambda: redis_client.hget("churn:tally", "events") == "50", 15)
        admin = topics.connect(kafka)
        admin.delete_topics([kafka.events_topic])
        admin.close()
        assert eventually(lambda: made_anew(kafka), 30)
        assert eventually(lambda: writer.offsets(places) == dict.fromkeys(places, 0), 60)
        send(kafka, *[VALUE] * 7)
        assert eventually(lambda: redis_client.hget("churn:tally", "events") == "57", 30)
    finally:
        ending.set()
        thread.join(20)
    assert not thread.is_alive()


def made_anew(kafka: Kafka) -> bool:
    with suppress(Exception):  # it takes a while until the old one is gone
        topics.ensure(kafka)
        return topics.partitions(kafka, kafka.events_topic) == 2
    return False
