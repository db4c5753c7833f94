"""Accumulators and features of the peers against the oracle, on records in any order; openings and heartbeats."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from typing import Any

import pytest

from benchmarks.peers import accumulators as acc
from benchmarks.peers.counting import Counting
from benchmarks.peers.identities import Identities
from benchmarks.peers.scoring import features, matrix, statuses
from churn.events import encode, heartbeat, opening
from churn.features import NAMES, SUM_NAMES
from churn.outcomes import status
from churn.settings import DAY_MS
from tests.churn.test_rolling import START_MS, differing, random_rows
from tests.oracle import expect

Row = dict[str, Any]
RECEIVED_MS = START_MS + 1000 * DAY_MS


def counted(rows: list[Row], window_days: float | None = 60) -> Counting:
    """Every row, in batches of a few."""
    known = {0: Identities(round(window_days * DAY_MS))} if window_days is not None else None
    counting = Counting(known)
    for at in range(0, len(rows), 50):
        if known is not None:
            known[0].turn()
        counting.take({0: [(at + n, RECEIVED_MS + at + n, encode(row)) for n, row in enumerate(rows[at : at + 50])]})
    return counting


def told(counting: Counting) -> dict[str, tuple[Row, str]]:
    """Features and status by user."""
    rows = matrix(list(counting.held.values()))
    values = [dict(zip(NAMES, row, strict=True)) for row in features(rows).tolist()]
    return dict(zip(counting.held, zip(values, statuses(rows, 14), strict=True), strict=True))


def test_every_feature_of_every_user_equals_the_oracle() -> None:
    rows = random_rows(seed=5)
    rows += random.Random(1).sample(rows, 100)  # doubles
    found, expected = told(counted(rows)), expect(rows)
    assert set(found) == set(expected)
    assert {user.status for user in expected.values()} == {"active", "cancelled"}
    for user_id, user in expected.items():
        assert differing(found[user_id][0], user.features) == []
        assert found[user_id][1] == user.status


def test_a_double_counts_once_and_without_dedupe_twice() -> None:
    rows = random_rows(seed=6, users=5)
    once, twice = counted([*rows, *rows]), counted([*rows, *rows], window_days=None)
    own = len({(row["userId"], row["sessionId"], row["itemInSession"], row["ts"]) for row in rows})
    assert (once.tally.counted, once.tally.duplicates) == (own, 2 * len(rows) - own)
    assert twice.tally.counted == 2 * len(rows)


def test_an_opening_stands_for_what_is_in_it() -> None:
    rows = random_rows(seed=7)
    cut_ms = START_MS + 20 * DAY_MS
    before, after = ([row for row in rows if (row["ts"] <= cut_ms) is past] for past in (True, False))
    history = counted(before).held
    openings = [opening(user_id, cut_ms, balance(held)) for user_id, held in history.items()]
    opened = counted([*openings, *after])
    expected = expect(rows, cut_ms=cut_ms)
    found = told(opened)
    for user_id, user in expected.items():
        assert differing(found[user_id][0], user.features) == []
        held = opened.held[user_id]
        assert held[acc.EVENTS] == user.events
        assert held[acc.OPENED] == (history[user_id][acc.EVENTS] if user_id in history else 0)
    assert any(held[acc.RECEIVED_MS] < 0 for held in opened.held.values()), "openings alone are no moment of arrival"


def balance(held: array[float]) -> Row:
    """The accumulators as an opening has them."""

    def whole(place: int) -> int | None:
        return int(held[place]) if abs(held[place]) != float("inf") else None

    level_at = whole(acc.LEVEL_AT)
    return {
        "events": whole(acc.EVENTS),
        "last_event": whole(acc.LAST_EVENT),
        "level": None if level_at is None else ("free", "paid")[level_at % 2],
        "registration": whole(acc.REGISTRATION),
        "cancelled_at": whole(acc.CANCELLED_AT),
        "sums": dict(zip(SUM_NAMES, held, strict=False)),
    }


def test_a_heartbeat_moves_the_clock_and_nothing_else() -> None:
    rows = random_rows(seed=8, users=1)
    before = counted(rows).held["u0"]
    at_ms = START_MS + 100 * DAY_MS
    counting = counted([*rows, heartbeat("u0", at_ms)], window_days=200)
    after = counting.held["u0"]
    moved = {place for place in range(acc.WIDTH) if before[place] != after[place]}
    assert moved == {acc.AS_OF, acc.HEARTBEATS, acc.VERSION, acc.RECEIVED_MS}
    assert (after[acc.AS_OF], after[acc.HEARTBEATS]) == (at_ms, 1)


@pytest.mark.parametrize("page", ["Home", "Cancel", "Cancellation Confirmation"])
@pytest.mark.parametrize("silent_ms", [0, 14 * DAY_MS - 1, 14 * DAY_MS])
def test_the_status_is_the_policys(page: str, silent_ms: int) -> None:
    row = {**random_rows(seed=8, users=1)[0], "page": page, "ts": START_MS}
    [held] = counted([row, heartbeat("u0", START_MS + silent_ms)]).held.values()
    seen, cancelled = (START_MS if page == only else None for only in ("Home", "Cancellation Confirmation"))
    assert statuses(matrix([held]), 14) == [status(START_MS + silent_ms, seen, cancelled, 14 * DAY_MS)]


def test_every_record_is_of_one_kind() -> None:
    rows = random_rows(seed=9, users=5)
    sent = [*rows, *rows[:10], {**rows[0], "userId": ""}, {**rows[0], "level": "gold"}]
    late = {**rows[0], "ts": START_MS - 90 * DAY_MS}
    tally = counted([*sent, *[rows[1]] * 50, late]).tally
    own = len({(row["userId"], row["sessionId"], row["itemInSession"], row["ts"]) for row in rows})
    assert Counter(vars(tally)) == Counter(
        counted=own, duplicates=len(rows) - own + 60, late=1, invalid=1, logged_out=1
    )


def test_who_was_moved_stands_in_order_of_the_newest_record() -> None:
    rows = [{**row, "userId": user} for row, user in zip(random_rows(seed=10)[:5], "abcab", strict=True)]
    moved = Counting(None).take({0: [(7 + n, RECEIVED_MS, encode(row)) for n, row in enumerate(rows)]})
    assert list(moved[0].items()) == [("c", 9), ("a", 10), ("b", 11)]
