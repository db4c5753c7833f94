"""What people say about users: snoozed (no alert until then) and acknowledged (somebody takes care of it).

====================== ====== ===================================================================================
`churn:marks:ID`       hash   each mark `MARK_until`, `MARK_note`, `MARK_by`, `MARK_at`; gone when the last has ended
`churn:marks-sequence` string grows by 1 when a mark is set or taken away: by it open pages hear of it
====================== ====== ===================================================================================

A mark and its entry in the audit log are written in one step, and only about somebody in the view: of a user who is
forgotten meanwhile neither comes back. Times are of the wall clock, ms. `view.lua` reads `snoozed_until`. The name of
the sequence can be no user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import redis
from redis.client import Pipeline

from churn.audit import Audit

Kind = Literal["snoozed", "acknowledged"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEQUENCE = "churn:marks-sequence"
Note = Callable[[Audit], None]
# Also when Redis is full: it makes room.
_CLEAR = """#!lua flags=allow-oom
redis.call('INCR', KEYS[2])
redis.call('HDEL', KEYS[1], unpack(ARGV))
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

    def set(self, user_id: str, kind: Kind, mark: Mark, note: Note) -> bool:
        """Sets a mark, in place of one of the same kind; False for somebody unknown.

        Args:
            user_id: whose it is.
            kind: of the mark.
            mark: what is said.
            note: adds the entry to the audit log.
        """
        key, left_ms = f"churn:marks:{user_id}", max(1, mark.until_ms - self._clock())
        fields: dict[str, int | str] = {"until": mark.until_ms, "at": mark.at_ms, "by": mark.by, "note": mark.note}

        def change(pipe: Pipeline) -> None:
            pipe.multi()
            pipe.hset(key, mapping={f"{kind}_{name}": value for name, value in fields.items()})
            # The key lasts as long as the longest mark, also of one that somebody sets at the same moment.
            pipe.pexpire(key, left_ms, nx=True)
            pipe.pexpire(key, left_ms, gt=True)
            pipe.incr(SEQUENCE)
            note(Audit(pipe, self._clock))

        return self._of_known(user_id, change)

    def clear(self, user_id: str, kind: Kind, note: Note) -> bool:
        """Takes a mark away, and notes it if there was one; False for somebody unknown."""
        key, fields = f"churn:marks:{user_id}", [f"{kind}_{name}" for name in ("until", "at", "by", "note")]

        def change(pipe: Pipeline) -> None:
            held = pipe.hexists(key, fields[0])
            pipe.multi()
            if held:
                pipe.eval(_CLEAR, 2, key, SEQUENCE, *fields)
                note(Audit(pipe, self._clock))

        return self._of_known(user_id, change)

    def _of_known(self, user_id: str, change: Callable[[Pipeline], None]) -> bool:
        """Makes a change in one step, begun anew where somebody else writes meanwhile; whether the user is known."""
        user, known = f"churn:user:{user_id}", False

        def step(pipe: Pipeline) -> None:
            nonlocal known
            known = bool(pipe.exists(user))
            if known:
                change(pipe)

        self._redis.transaction(step, user, f"churn:marks:{user_id}")
        return known

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
