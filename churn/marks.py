"""What people say about users: snoozed (no alert until then) and acknowledged (somebody takes care of it).

====================== ====== ===================================================================================
`churn:marks:ID`       hash   each mark `MARK_until`, `MARK_note`, `MARK_by`, `MARK_at`; gone when the last has ended
`churn:marks-sequence` string grows by 1 when a mark is set or taken away: by it open pages hear of it
====================== ====== ===================================================================================

Times are of the wall clock, ms. `view.lua` reads `snoozed_until`. The name of the sequence can be no user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import redis

Kind = Literal["snoozed", "acknowledged"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEQUENCE = "churn:marks-sequence"
# Also when Redis is full: it makes room.
_CLEAR = """#!lua flags=allow-oom
redis.call('INCR', KEYS[2])
return redis.call('HDEL', KEYS[1], unpack(ARGV))
"""


@dataclass(frozen=True)
class Mark:
    """One mark. Times in ms.

    Attributes:
        until_ms: it holds until then.
        at_ms: when it was made.
        by: name of the key that made it.
        note: a few words.
    """

    until_ms: int
    at_ms: int
    by: str
    note: str


class Marks:
    """Sets, reads and takes away marks.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._redis, self._clock = client, clock

    def set(self, user_id: str, kind: Kind, mark: Mark) -> None:
        """Sets a mark; one of the same kind is replaced."""
        key, left_ms = f"churn:marks:{user_id}", max(1, mark.until_ms - self._clock())
        fields: dict[str, int | str] = {"until": mark.until_ms, "at": mark.at_ms, "by": mark.by, "note": mark.note}
        pipe = self._redis.pipeline()
        pipe.hset(key, mapping={f"{kind}_{name}": value for name, value in fields.items()})
        # The key lasts as long as the longest mark, also of one that somebody sets at the same moment.
        pipe.pexpire(key, left_ms, nx=True)
        pipe.pexpire(key, left_ms, gt=True)
        pipe.incr(SEQUENCE)
        pipe.execute()

    def clear(self, user_id: str, kind: Kind) -> bool:
        """Takes a mark away; whether there was one."""
        fields = [f"{kind}_{name}" for name in ("until", "at", "by", "note")]
        return bool(self._redis.eval(_CLEAR, 2, f"churn:marks:{user_id}", SEQUENCE, *fields))

    def of(self, user_ids: Sequence[str]) -> list[dict[Kind, Mark]]:
        """The marks that hold now, of each user."""
        pipe = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hgetall(f"churn:marks:{user_id}")
        return [self.read(held) for held in pipe.execute()]

    def read(self, held: dict[str, str]) -> dict[Kind, Mark]:
        """Marks out of a hash; what has ended is left out."""
        found: dict[Kind, Mark] = {}
        for kind in KINDS if held else ():
            until_ms = int(held.get(f"{kind}_until", 0))
            if until_ms > self._clock():
                found[kind] = Mark(until_ms, int(held[f"{kind}_at"]), held[f"{kind}_by"], held[f"{kind}_note"])
        return found
