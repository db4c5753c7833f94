"""How long a double is known."""

from __future__ import annotations

from benchmarks.peers.decoding import Decoded
from benchmarks.peers.identities import Identities
from churn.settings import DAY_MS

NOON_MS = 1_540_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2
WINDOW_MS = 3 * DAY_MS


def event(ts: int, user: str = "7") -> Decoded:
    return user, 1, 2, ts, "Home", "free", None, None


def test_each_part_of_the_identity_counts() -> None:
    known = Identities(WINDOW_MS)
    assert known.meet(event(NOON_MS))
    others = [event(NOON_MS, "8"), event(NOON_MS + 1), ("7", 2, 2, NOON_MS), ("7", 1, 3, NOON_MS)]
    assert all(known.meet((*other[:4], "Home", "free", None, None)) for other in others)
    assert not any(known.meet((*other[:4], "Error", "paid", 5, None)) for other in others)


def test_a_double_is_known_for_the_whole_window_and_what_is_older_is_late() -> None:
    known = Identities(WINDOW_MS)
    known.meet(event(NOON_MS))
    known.meet(event(NOON_MS + WINDOW_MS))
    known.turn()
    assert not known.is_late(NOON_MS)
    assert not known.meet(event(NOON_MS))
    assert known.is_late(NOON_MS - 1)


def test_the_clock_moves_between_batches() -> None:
    known = Identities(WINDOW_MS)
    known.turn()
    known.meet(event(NOON_MS + 30 * DAY_MS))
    assert not known.is_late(NOON_MS)  # of the same batch, whatever its order
    known.turn()
    assert known.is_late(NOON_MS)


def test_days_that_are_over_are_forgotten_and_told() -> None:
    known = Identities(WINDOW_MS)
    known.meet(event(NOON_MS))
    assert known.turn() == []
    known.meet(event(NOON_MS + WINDOW_MS))
    assert known.turn() == []  # half of that day is within the window
    known.meet(event(NOON_MS + WINDOW_MS + DAY_MS // 2))
    assert known.turn() == [NOON_MS // DAY_MS]


def test_what_is_restored_is_known_and_not_new() -> None:
    known, again = Identities(WINDOW_MS), Identities(WINDOW_MS)
    known.turn()
    known.meet(event(NOON_MS))
    for day, seen in known.new.items():
        again.restore(day, seen)
    known.turn()
    assert not known.new  # kept by now
    assert again.clock == NOON_MS
    assert not again.meet(event(NOON_MS))
    assert not again.new
