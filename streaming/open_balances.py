"""Kept balances become records of the events topic; a run that was interrupted goes on where it was."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka.errors import KafkaError

from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka

SENT = "sent"
"""File in the folder: how many balances Kafka has acknowledged, and how many events they hold."""

STRIDE = 20_000


@dataclass(frozen=True)
class Opened:
    """What was sent: balances, and the events that they hold."""

    users: int = 0
    events: int = 0


def open_balances(
    folder: Path,
    kafka: Kafka,
    say: Callable[[str], None],
    stopping: Callable[[], bool],
    is_forgotten: Callable[[str], bool] = lambda _: False,
) -> Opened:
    """Sends every balance that is kept in a folder, and removes the folder when Kafka has them all.

    Args:
        folder: of `streaming.bootstrap.keep`.
        kafka: where to.
        say: told of progress.
        stopping: asked now and then; what was sent until it says so is remembered.
        is_forgotten: whether a user is passed over.

    Raises:
        ChurnError: Kafka does not answer, or did not acknowledge a balance; called again it goes on there.
    """
    whole = sum(1 for _ in _lines(folder))
    sent = _sent(folder)
    if sent.users:
        say(f"Going on after {sent.users:,} of {whole:,} balances.")
    producer = topics.producer(kafka, linger_ms=20, batch_size=262_144, compression_type="lz4")
    began_s, first = time.monotonic(), sent.users
    try:
        for stretch in _stretches(folder, sent.users):
            sent = _send(stretch, sent, producer, kafka, is_forgotten)
            (folder / SENT).write_text(json.dumps([sent.users, sent.events]))
            left_s = (whole - sent.users) * (time.monotonic() - began_s) / (sent.users - first)
            say(f"Opened {sent.users:,} of {whole:,} balances; about {left_s:,.0f} s are left.")
            if stopping() and sent.users < whole:
                return sent
    except KafkaError as error:
        raise ChurnError(
            f"Kafka did not acknowledge a balance ({error}).", "Look at the broker, and do it again: it goes on there."
        ) from None
    finally:
        producer.close()
    shutil.rmtree(folder, ignore_errors=True)
    return sent


def _lines(folder: Path) -> Iterator[bytes]:
    """All balances, always in the same order."""
    for part in sorted(folder.glob("part-*.gz")):
        with gzip.open(part) as file:
            yield from (line.rstrip(b"\n") for line in file)


def _stretches(folder: Path, after: int) -> Iterator[list[bytes]]:
    """The balances behind the first `after`, so many at a time."""
    stretch: list[bytes] = []
    for number, line in enumerate(_lines(folder)):
        if number >= after:
            stretch.append(line)
        if len(stretch) == STRIDE:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _send(
    stretch: list[bytes], sent: Opened, producer: object, kafka: Kafka, is_forgotten: Callable[[str], bool]
) -> Opened:
    """Sends some balances and waits until Kafka has them; of those passed over none of their events is counted."""
    events, waiting = sent.events, []
    for line in stretch:
        balance = json.loads(line)
        if is_forgotten(balance["userId"]):
            continue
        events += balance["opening"]["events"]
        waiting.append(producer.send(kafka.events_topic, line, key=balance["userId"].encode()))  # type: ignore[attr-defined]
    for future in waiting:
        future.get(timeout=60)
    return Opened(sent.users + len(stretch), events)


def _sent(folder: Path) -> Opened:
    try:
        return Opened(*json.loads((folder / SENT).read_text()))
    except (OSError, ValueError, TypeError):
        return Opened()
