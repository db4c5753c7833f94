"""`churn dead-letters`: looks at what could not be used, and sends it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from churn import events, topics
from churn.settings import DAY_MS, Settings
from streaming.letter import Letter, Redriven, read

_ACKNOWLEDGED_S = 30
_POLL_MS = 1000


@dataclass
class Box:
    """All dead letters, by id, and what was sent again.

    Attributes:
        letters: in the order of their partitions.
        redriven: notes, by the id of their letter.
        foreign: records of the topic that no program of this release wrote.
    """

    letters: dict[str, Letter] = field(default_factory=dict)
    redriven: dict[str, list[Redriven]] = field(default_factory=dict)
    foreign: int = 0


@dataclass(frozen=True)
class Refused:
    """A letter that was not sent again, and why."""

    letter: Letter
    why: str


def open_box(settings: Settings) -> Box:
    """Reads the whole topic.

    Raises:
        ChurnError: no broker answers.
    """
    box = Box()
    for value, partition, offset in _records(settings):
        found = read(value, partition, offset)
        if isinstance(found, Letter):
            box.letters[found.id] = found
        elif found is not None:
            box.redriven.setdefault(found.letter, []).append(found)
        else:
            box.foreign += 1
    return box


def _records(settings: Settings) -> Iterator[tuple[bytes, int, int]]:
    consumer = topics.consumer(settings.kafka)
    try:
        partitions = topics.known_partitions(consumer, settings.kafka.dead_letters_topic)
        if not partitions:  # the topic is made with the first start of a program
            return
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=_POLL_MS).values():
                for message in batch:
                    yield message.value or b"", message.partition, message.offset
    finally:
        consumer.close()


def redrive(
    letters: Iterable[Letter],
    rules: tuple[str, ...],
    mend: Callable[[bytes], bytes],
    settings: Settings,
    now_ms: int,
    clock_ms: int | None,
    send: bool = True,
) -> tuple[list[Redriven], list[Refused]]:
    """Mends records and sends those that are events now, each with a note in the dead-letters topic.

    The note comes after the event: who is killed in between sends an event twice, which counts once.

    Args:
        letters: to be sent again.
        rules: in words, for the note.
        mend: applies them; raises ValueError where they do not fit.
        settings: where Kafka is, and how late an event may be.
        now_ms: the wall clock.
        clock_ms: the event clock, None while it is not known.
        send: false to see what would be sent.

    Raises:
        ChurnError: no broker answers.
        KafkaError: an event was not acknowledged; those before it are noted.
    """
    sent, refused = [], []
    oldest_ms = None if clock_ms is None else clock_ms - settings.stream.dedupe_window_days * DAY_MS
    producer = topics.producer(settings.kafka, linger_ms=0)
    try:
        for letter in letters:
            try:
                value, user_id = _mended(letter, mend, settings, now_ms, oldest_ms)
            except ValueError as error:
                refused.append(Refused(letter, str(error)))
                continue
            at = (settings.kafka.events_topic, -1, -1)
            if send:
                found = producer.send(at[0], value, key=user_id.encode()).get(timeout=_ACKNOWLEDGED_S)
                at = (found.topic, found.partition, found.offset)
            note = Redriven(letter.id, now_ms, rules, *at)
            if send:
                producer.send(settings.kafka.dead_letters_topic, note.encode()).get(timeout=_ACKNOWLEDGED_S)
            sent.append(note)
    finally:
        producer.close()
    return sent, refused


def _mended(
    letter: Letter, mend: Callable[[bytes], bytes], settings: Settings, now_ms: int, oldest_ms: float | None
) -> tuple[bytes, str]:
    """The event and its user; ValueError where there is none."""
    if letter.topic != settings.kafka.events_topic:
        raise ValueError(f"it is no event, but a record of {letter.topic}")
    if letter.size is None:
        raise ValueError("it has no value")
    if not letter.whole:
        raise ValueError("its letter holds only the beginning of it")
    value = mend(letter.raw)
    event = events.decode(value, now_ms)
    if event.page in events.RESERVED_PAGES:
        raise ValueError(f"the page {event.page} is not sent by hand")
    if oldest_ms is not None and event.ts < oldest_ms:
        raise ValueError("it is older than the stream's window, and would be dropped as late")
    return value, event.user_id
