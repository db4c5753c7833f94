"""Counts what comes in, beside publishing, in a thread of its own with a consumer of its own.

The console draws these counts (`churn.tally`); nothing is decided by them, so it leaves out rather than be in the way:
it takes little at a time and rests in between, has a budget of records a second, and passes over what it cannot keep
up with. At 500 events of 400 bytes a second it takes 2 % of a core (measured over half a minute, all of its process).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from churn import topics
from churn.clock import wall_clock
from churn.errors import ChurnError
from churn.settings import Settings
from churn.tally import TallyWriter
from churn.view import View
from streaming.counted import Counted

log = structlog.get_logger()

AT_ONCE = 50
"""Records between two rests: some 2 ms of work, for so long publishing may have to wait for Python's lock."""
IDLE_S = 0.25
WRITE_S = 1.0
BEHIND_S = 10
"""When it would take longer than this to catch up within the budget, it passes over what waits."""
ANSWER_MS = 5000
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 30.0
_END_S = 1.0


def connected(settings: Settings) -> KafkaConsumer:
    """A consumer that asks the broker seldom, and for little.

    Raises:
        ChurnError: no broker answers.
    """
    return topics.consumer(
        settings.kafka,
        auto_offset_reset="none",
        max_poll_records=AT_ONCE,
        fetch_min_bytes=64 << 10,
        fetch_max_wait_ms=500,
        max_partition_fetch_bytes=256 << 10,
    )


class Tallying:
    """Reads the events and the dead letters, and writes the tally.

    Args:
        settings: of Kafka and the budget, which is not 0.
        writer: of the tally.
        connect: makes a consumer.
        rest: waits for some seconds; true when it is time to end.
        clock: one that only goes forward, seconds.
        wall: the wall clock, ms.
    """

    def __init__(
        self,
        settings: Settings,
        writer: TallyWriter,
        connect: Callable[[], Any],
        rest: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall_clock,
    ) -> None:
        self._events, self._letters = settings.kafka.events_topic, settings.kafka.dead_letters_topic
        self._budget = settings.publish.tally_per_second
        self._at_once = max(1, min(AT_ONCE, int(self._budget / 10)))
        self._writer, self._connect, self._rest, self._clock, self._wall = writer, connect, rest, clock, wall
        self._consumer: Any = None
        self._counted = Counted()
        self._held: dict[TopicPartition, int | None] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._looked_s: float | None = None
        self._next_s = 0.0
        self._troubled = False

    def run(self) -> None:
        """Counts until it is time to end. While Kafka or Redis is away it waits, and says so once."""
        pause_s, ending = _FIRST_RETRY_S, False
        while not ending:
            try:
                self.resume()
                while not ending:
                    ending = self._rest(self.step())
                self.write()
            except redis.WatchError:
                ending = self._rest(_FIRST_RETRY_S)  # it goes on from what the tally holds now
            except (redis.RedisError, KafkaError, ChurnError) as error:
                if not self._troubled:
                    pause_s = _FIRST_RETRY_S
                    log.warning("incoming events are not counted now; trying again", error=str(error))
                self._troubled, ending = True, self._rest(pause_s)
                pause_s = min(pause_s * 2, _LAST_RETRY_S)
            except Exception:  # publishing goes on, whatever is wrong here
                log.exception("incoming events are not counted now; trying again")
                ending = self._rest(_LAST_RETRY_S)
        self.close()

    def close(self) -> None:
        """Closes the connection to Kafka."""
        if self._consumer is not None:
            self._consumer.close(timeout_ms=1000)
            self._consumer = None

    def resume(self) -> None:
        """Goes to where the tally says that counting was; what was not written is counted again from there.

        Raises:
            ChurnError: no broker answers.
            redis.RedisError, KafkaError: one of the two does not answer.
        """
        self._consumer = self._consumer or self._connect()
        self._counted = Counted()
        self._looked_s = None
        partitions = self._known()
        self._consumer.assign(partitions)
        begins = self._consumer.beginning_offsets(partitions, timeout_ms=ANSWER_MS) if partitions else {}
        ends = self._consumer.end_offsets(partitions, timeout_ms=ANSWER_MS) if partitions else {}
        self._held = dict(zip(partitions, self._writer.offsets([*map(_place, partitions)]).values(), strict=True))
        self._reached = {each: self._start(each, begins[each], ends[each]) for each in partitions}
        for partition, offset in self._reached.items():
            self._consumer.seek(partition, offset)
        self._pass_over(ends)

    def _known(self) -> list[TopicPartition]:
        return [
            each for topic in (self._events, self._letters) for each in topics.known_partitions(self._consumer, topic)
        ]

    def _start(self, partition: TopicPartition, begin: int, end: int) -> int:
        held = self._held[partition]
        if held is None:
            # Weeks of history are not read at the first start; but a partition that was added is all new.
            topic_is_known = any(
                offset is not None for other, offset in self._held.items() if other.topic == partition.topic
            )
            return begin if topic_is_known else end
        if held < begin:  # what is gone from the topic cannot be counted any more
            self._counted.passed(begin - held, partition.topic == self._letters)
            return begin
        return min(held, end)  # beyond the end: the topic was made anew

    def step(self) -> float:
        """Takes a little and counts it; returns for how many seconds to rest then."""
        now_s = self._clock()
        if self._looked_s is None or now_s - self._looked_s >= WRITE_S:
            self._looked_s = now_s
            self._look_around()
        taken = self._take()
        self._next_s = max(self._next_s, now_s) + taken / self._budget
        return max(0.0, self._next_s - self._clock()) if taken else IDLE_S

    def _take(self) -> int:
        if not self._reached:
            return 0
        try:
            polled: Mapping[TopicPartition, Sequence[Any]] = self._consumer.poll(0, max_records=self._at_once)
        except KafkaError:
            self.write()  # the topic may be another one, which has not what was counted
            raise
        for partition, batch in polled.items():
            count = self._counted.letter if partition.topic == self._letters else self._counted.event
            for message in batch:
                count(message)
            self._reached[partition] = batch[-1].offset + 1
        return sum(map(len, polled.values()))

    def _look_around(self) -> None:
        self.write()
        if set(self._known()) != set(self._reached):
            self.resume()
            return
        self._pass_over({each: self._consumer.highwater(each) or 0 for each in self._reached})

    def _pass_over(self, ends: Mapping[TopicPartition, int]) -> None:
        """Goes to the end of a topic in which more waits than can be counted soon."""
        for topic in (self._events, self._letters):
            some = [each for each in self._reached if each.topic == topic]
            if sum(max(0, ends[each] - self._reached[each]) for each in some) <= BEHIND_S * self._budget:
                continue
            for partition, end in self._consumer.end_offsets(some, timeout_ms=ANSWER_MS).items():
                self._counted.passed(max(0, end - self._reached[partition]), topic == self._letters)
                self._reached[partition] = end
                self._consumer.seek(partition, end)

    def write(self) -> None:
        """Writes what was counted, and how far that was.

        Raises:
            redis.RedisError: nothing was written, or nobody knows: :meth:`resume` comes next.
        """
        moved = {each: (self._held[each], to) for each, to in self._reached.items() if self._held[each] != to}
        if moved:
            places = {_place(each): offsets for each, offsets in moved.items()}
            self._writer.add(self._counted.counts, places, self._wall())
            self._held |= {each: to for each, (_, to) in moved.items()}
            self._counted.tell()
            self._counted = Counted()
        self._troubled = False


def _place(partition: TopicPartition) -> tuple[str, int]:
    return partition.topic, partition.partition


@contextmanager
def tallying(settings: Settings, ending: threading.Event) -> Iterator[None]:
    """Counts in the background while it is open, unless the setting switches it off.

    Args:
        settings: of everything.
        ending: ends it, before it is closed even; set when it is closed.
    """
    if not settings.publish.tally_per_second:
        yield
        return
    writer = TallyWriter(View.connect(settings.redis, socket_timeout=3, socket_connect_timeout=3).redis)
    counting = Tallying(settings, writer, lambda: connected(settings), ending.wait)
    thread = threading.Thread(target=counting.run, name="tally", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_END_S)
