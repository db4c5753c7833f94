from __future__ import annotations

import pytest

from churn.errors import ChurnError
from streaming.restarts import (
    DAMAGED,
    DISK_IS_FULL,
    LONGEST_WAIT_S,
    LOST,
    PASSING,
    SAME_FAILURES,
    Restarts,
    brief,
    everything_told,
)

ODD = "Job aborted.\nCaused by: something that no retry mends"


def test_the_waits_double_up_to_the_longest() -> None:
    restarts = Restarts("scores")
    waits = [restarts.after(f"TimeoutException {number}", 4) for number in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_the_same_failure_at_the_same_place_is_named_in_the_end() -> None:
    restarts = Restarts("scores")
    for _ in range(SAME_FAILURES - 1):
        restarts.after(ODD, 4)
    with pytest.raises(ChurnError, match=r"query scores failed 3 times at the same place: Job aborted\. Trying again"):
        restarts.after(ODD, 4)


def test_who_gets_on_in_between_starts_anew() -> None:
    restarts = Restarts("scores")
    assert [restarts.after(ODD, batch) for batch in (4, 4, 5, 5, 6)] == [1, 2, 1, 2, 1]


def test_different_failures_are_not_the_same() -> None:
    restarts = Restarts("scores")
    for number in range(20):
        restarts.after(f"odd {number}", 4)


@pytest.mark.parametrize("words", PASSING)
def test_the_troubles_of_others_are_waited_for(words: str) -> None:
    restarts = Restarts("scores")
    for _ in range(20):
        restarts.after(f"org.apache: {words} of it", 4)


@pytest.mark.parametrize("words", DAMAGED)
def test_a_damaged_checkpoint_is_said_at_once_unless_a_full_disk_is_behind_it(words: str) -> None:
    restarts = Restarts("scores")
    full = f"Job aborted: {words}\nCaused by: java.io.IOException: No space left on device"
    assert restarts.after(full, 4) == 1
    assert brief(full) == DISK_IS_FULL
    with pytest.raises(ChurnError, match=r"checkpoint of the query scores is damaged"):
        restarts.after(f"Job aborted: {words}", 4)


class Failure(Exception):  # noqa: N818 (as pyspark's: what was behind it stands in a field)
    def __init__(self, told: str, cause: Exception | None = None) -> None:
        super().__init__(told)
        self._cause = cause


def test_what_is_behind_a_failure_counts_and_what_failed_stands_first() -> None:
    failure = Failure("CANNOT_COMMIT it", Failure("Boxed Exception", Failure("No space left on device")))
    assert everything_told(failure) == "CANNOT_COMMIT it\nBoxed Exception\nNo space left on device"
    assert brief(everything_told(failure)) == DISK_IS_FULL
    assert brief(everything_told(Failure("this", Failure("that")))) == "this"
    assert brief(everything_told(None)) == "it stopped by itself"


@pytest.mark.parametrize("words", LOST)
def test_lost_events_are_said_at_once(words: str) -> None:
    with pytest.raises(ChurnError, match=r"no longer holds all events that the query scores .* Start a new epoch"):
        Restarts("scores").after(f"It failed: {words}", 4)
