"""Where a plain consumer's state is kept: nowhere but in memory, or in Redis, in one transaction with its scores.

Redis, and not a store on the local disk: the scores go there anyway, so state, identities, positions and scores are
one MULTI/EXEC in one round trip. They cannot disagree, whichever of the two processes is killed, and whatever Redis
goes back to when it is: an embedded store beside it would have to notice that the view has lost two seconds, and score
them again.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import orjson
import redis

from benchmarks.peers.counting import Counting
from churn.scores import Score
from churn.view import View
from churn.view_function import FUNCTION, call_arguments

Read = Mapping[int, tuple[int, int]]
"""Of every partition that was read, the offset from which, and the one that comes next."""

# ARGV: name of the topic, partition, the offset that comes next; a number of users, each followed by its accumulators;
# a number of days, each followed by the identities to add; days that are over. Where the view does not hold everything
# before that offset, because the call before this one was refused, nothing is kept either.
_KEEP = """
local topic, partition, comes_next, at = ARGV[1], ARGV[2], ARGV[3], 5
if tonumber(redis.call('HGET', 'churn:offsets', topic .. ':' .. partition) or '0') < tonumber(comes_next) then
  return redis.error_reply('BEHIND the view does not hold what the state would')
end
for _ = 1, tonumber(ARGV[4]) do
  redis.call('HSET', 'peer:held:' .. partition, ARGV[at], ARGV[at + 1])
  at = at + 2
end
local days = tonumber(ARGV[at])
at = at + 1
for _ = 1, days do
  redis.call('APPEND', 'peer:seen:' .. partition .. ':' .. ARGV[at], ARGV[at + 1])
  at = at + 2
end
for over = at, #ARGV do
  redis.call('DEL', 'peer:seen:' .. partition .. ':' .. ARGV[over])
end
redis.call('HSET', 'peer:positions', partition, comes_next)
"""


@dataclass(frozen=True)
class Batch:
    """What a poll came to.

    Attributes:
        records: partition, offset and score of each user that it has moved, each partition's in order of offset.
        read: what was read.
        moved: by partition, the users that it has moved.
        over: by partition, the days whose identities are forgotten.
    """

    records: list[tuple[int, int, Score]]
    read: Read
    moved: Mapping[int, Iterable[str]]
    over: Mapping[int, list[int]]


class Keeper(Protocol):
    """Brings scores to the view, and what has to last with them.

    Attributes:
        epoch: of the scores.
        positions: the offset at which to begin, by partition; one that is missing is read from its beginning.
    """

    epoch: int
    positions: Mapping[int, int]

    def restore(self, counting: Counting, partitions: Iterable[int]) -> None:
        """Puts back what lasted of these partitions."""

    def keep(self, batch: Batch, counting: Counting) -> None:
        """Brings a batch to the view."""


class InMemory:
    """State that does not last: whoever starts again reads everything again, in a new epoch."""

    def __init__(self, view: View, topic: str, epoch: int) -> None:
        self._view = view
        self.epoch = epoch
        self.positions: Mapping[int, int] = {}
        self._position_of = f"{topic}/{epoch}"  # in the view: it begins anew, too

    def restore(self, counting: Counting, partitions: Iterable[int]) -> None:
        """See :class:`Keeper`."""

    def keep(self, batch: Batch, counting: Counting) -> None:  # noqa: ARG002 (a contract)
        """See :class:`Keeper`."""
        self._view.publish(self._position_of, batch.records, int(time.time() * 1000), batch.read)


class InRedis:
    """State that is as durable as the view."""

    def __init__(self, url: str, topic: str) -> None:
        self._redis, self._topic = redis.Redis.from_url(url), topic  # its values are bytes
        self._redis.set("peer:epoch", int(time.time() * 1000), nx=True)
        self.epoch = int(cast("bytes", self._redis.get("peer:epoch")))
        held = cast("dict[bytes, bytes]", self._redis.hgetall("peer:positions"))
        self.positions: Mapping[int, int] = {int(partition): int(offset) for partition, offset in held.items()}
        self._script = str(self._redis.script_load(_KEEP))

    def restore(self, counting: Counting, partitions: Iterable[int]) -> None:
        """See :class:`Keeper`."""
        for partition in partitions:
            for user_id, held in self._redis.hscan_iter(f"peer:held:{partition}", count=1000):
                counting.held[user_id.decode()] = array("d", held)
            for key in self._redis.scan_iter(f"peer:seen:{partition}:*", count=1000):
                lines = cast("bytes", self._redis.get(key)).splitlines()
                seen = [tuple(identity) for line in lines for identity in orjson.loads(line)]
                if counting.identities is not None:
                    counting.identities[partition].restore(int(key.rsplit(b":", 1)[1]), seen)

    def keep(self, batch: Batch, counting: Counting) -> None:
        """See :class:`Keeper`."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.fcall(FUNCTION, 0, *call_arguments(self._topic, batch.records, int(time.time() * 1000), batch.read))
        for partition, (_, comes_next) in batch.read.items():
            users = [part for user_id in batch.moved[partition] for part in (user_id, bytes(counting.held[user_id]))]
            new = counting.identities[partition].new if counting.identities is not None else {}
            days = [part for day, seen in new.items() for part in (day, orjson.dumps(seen) + b"\n")]
            pipe.evalsha(
                self._script, 0, self._topic, partition, comes_next,
                len(users) // 2, *users, len(days) // 2, *days, *batch.over.get(partition, ()),
            )  # fmt: skip
        pipe.execute()
