"""Doubles, told by what one user's state holds."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.peers.decoding import Decoded
from benchmarks.peers.user_identities import is_new
from churn.settings import DAY_MS

NOON_MS = 1_540_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2


class Held(dict[Any, Any]):
    """A state in memory."""

    get_bytes, set, set_bytes, delete = dict.get, dict.__setitem__, dict.__setitem__, dict.__delitem__


def event(ts: int, session_id: int = 1, item: int = 2) -> Decoded:
    return "7", session_id, item, ts, "Home", "free", None, None


def test_each_part_of_the_identity_counts() -> None:
    held = Held()
    every = [event(NOON_MS), event(NOON_MS + 1), event(NOON_MS, session_id=2), event(NOON_MS, item=3)]
    assert [is_new(held, one, 0) for one in every] == [True] * 4
    assert [is_new(held, one, 0) for one in every] == [False] * 4


def test_many_small_numbers_are_told_apart() -> None:
    """Packed, they are mostly zeros: two neighbours can look like a third one that lies across them."""
    rng, held, known = random.Random(1), Held(), set()
    start_ms = 1 << 40  # its bytes are zeros, too
    for _ in range(5000):
        one = event(start_ms + (rng.randrange(3) << 24), rng.choice([0, 1, 1 << 40]), rng.choice([0, 1, 1 << 40]))
        assert is_new(held, one, 0) is (one[:4] not in known), one
        known.add(one[:4])


def test_what_is_late_is_not_counted() -> None:
    assert not is_new(Held(), event(NOON_MS - 1), NOON_MS)
    assert is_new(Held(), event(NOON_MS), NOON_MS)


def test_days_that_are_over_are_forgotten() -> None:
    held = Held()
    for day in range(6):
        is_new(held, event(NOON_MS + day * DAY_MS), NOON_MS + (day - 3) * DAY_MS)
    first = NOON_MS // DAY_MS
    assert held.keys() - {b"days"} == {b"%d" % (first + day) for day in (2, 3, 4, 5)}
    assert held[b"days"] == [first + 2, first + 3, first + 4, first + 5]
