from __future__ import annotations

import threading

import pytest

from api.console.remembered import Remembered


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_value_is_found_out_once_for_a_while() -> None:
    clock, asked = Clock(), []
    remembered = Remembered(clock)

    def find() -> int:
        asked.append(clock.now_s)
        return len(asked)

    assert remembered.get("a", 10, find).value == 1
    clock.now_s += 9
    known = remembered.get("a", 10, find)
    assert (known.value, known.age_s) == (1, 9)
    clock.now_s += 1
    known = remembered.get("a", 10, find)
    assert (known.value, known.age_s) == (2, 0)
    assert remembered.get("b", 10, find).value == 3
    assert remembered.get("a", 10, find, lambda held: held == 2).value == 2
    assert remembered.get("a", 10, find, lambda held: held != 2).value == 4


def test_whoever_comes_meanwhile_is_told_the_old_value() -> None:
    clock = Clock()
    remembered = Remembered(clock)
    remembered.get("a", 10, lambda: "old")
    clock.now_s += 60
    begun, go = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(5)
        return "new"

    finder = threading.Thread(target=lambda: remembered.get("a", 10, slow))
    finder.start()
    assert begun.wait(5)
    known = remembered.get("a", 10, lambda: pytest.fail("it is being found out already"))
    assert (known.value, known.age_s) == ("old", 60)
    go.set()
    finder.join(5)
    assert remembered.get("a", 10, lambda: "never").value == "new"


def test_what_nobody_asks_for_is_not_kept() -> None:
    clock = Clock()
    remembered = Remembered(clock)
    for name in ("a", "b"):
        remembered.get(name, 3600, lambda: "old")
    clock.now_s += 599
    assert remembered.get("a", 3600, lambda: "never").value == "old"
    clock.now_s += 1
    assert remembered.get("a", 3600, lambda: "never").value == "old"
    assert sorted(remembered._held) == ["a"]
    assert remembered.get("b", 3600, lambda: "new").value == "new"


def test_what_is_being_found_out_is_kept_however_long_it_takes() -> None:
    clock = Clock()
    remembered = Remembered(clock)
    begun, go = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(5)
        return "slow"

    finder = threading.Thread(target=lambda: remembered.get("a", 3600, slow))
    finder.start()
    assert begun.wait(5)
    clock.now_s += 700
    remembered.get("b", 10, lambda: "")
    go.set()
    finder.join(5)
    assert remembered.get("a", 3600, lambda: "again").value == "slow"


def test_a_failure_is_told_and_not_remembered() -> None:
    clock = Clock()
    remembered = Remembered(clock)

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        remembered.get("a", 10, fail)
    assert remembered.get("a", 10, lambda: "yes").value == "yes"
    clock.now_s += 60
    with pytest.raises(ValueError, match="no"):
        remembered.get("a", 10, fail)
    assert remembered.get("a", 1000, lambda: "never").value == "yes"


def test_whoever_has_waited_for_a_failure_is_told_it_and_does_not_try_again() -> None:
    remembered = Remembered()
    begun, go, tried = threading.Event(), threading.Event(), []

    def slow() -> str:
        tried.append(1)
        begun.set()
        assert go.wait(5)
        raise ValueError("no")

    def ask() -> None:
        try:
            remembered.get("a", 10, slow)
        except ValueError as error:
            failures.append(str(error))

    failures: list[str] = []
    first = threading.Thread(target=ask)
    first.start()
    assert begun.wait(5)
    waiting = [threading.Thread(target=ask) for _ in range(5)]
    for each in waiting:
        each.start()
    threading.Timer(0.2, go.set).start()  # until then they are in line
    for each in (first, *waiting):
        each.join(5)
    assert (failures, len(tried)) == (["no"] * 6, 1)
    assert remembered.get("a", 10, lambda: "yes").value == "yes"
