from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from api.together import MOST, Together


def run(ask: Callable[[], Any]) -> Any:
    return asyncio.run(ask())


@given(st.lists(st.integers(), max_size=60))
def test_everybody_gets_their_own_answer(questions: list[int]) -> None:
    async def ask() -> list[int]:
        together = Together[int, int](lambda some: [2 * each for each in some], 5.0)
        return list(await asyncio.gather(*(together.ask(each) for each in questions)))

    assert run(ask) == [2 * each for each in questions]


def test_what_comes_while_one_is_answered_is_answered_in_one_call() -> None:
    calls: list[list[int]] = []
    first, go_on = threading.Event(), threading.Event()

    def answer(some: list[int]) -> list[int]:
        calls.append(some)
        first.set()
        go_on.wait(5)
        return some

    async def ask() -> None:
        together = Together(answer, 5.0)
        asked = [asyncio.create_task(together.ask(0))]
        await asyncio.to_thread(first.wait, 5)
        asked += [asyncio.create_task(together.ask(each)) for each in range(1, MOST + 5)]
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(*asked) == list(range(MOST + 5))

    run(ask)
    assert [len(call) for call in calls] == [1, MOST, 4]


def test_an_error_is_told_to_everybody_in_the_call_and_to_nobody_after_it() -> None:
    broken = True

    def answer(some: list[int]) -> list[int]:
        if broken:
            raise redis.ConnectionError("gone")
        return some

    async def ask() -> None:
        nonlocal broken
        together = Together(answer, 5.0)
        found = await asyncio.gather(*(together.ask(each) for each in range(3)), return_exceptions=True)
        assert [type(each) for each in found] == [redis.ConnectionError] * 3
        broken = False
        assert await together.ask(7) == 7

    run(ask)


def test_nobody_waits_longer_than_they_may_even_behind_a_call_that_hangs() -> None:
    hanging = threading.Event()

    def answer(some: list[int]) -> list[int]:
        hanging.wait(5)
        return some

    async def ask() -> None:
        together = Together(answer, 0.05)
        found = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
        assert [type(each) for each in found] == [redis.TimeoutError] * 2
        hanging.set()
        assert await Together(lambda some: some, 5.0).ask(3) == 3

    run(ask)


def test_somebody_who_goes_does_not_keep_the_others_from_their_answer() -> None:
    started, go_on = threading.Event(), threading.Event()

    def answer(some: list[int]) -> list[int]:
        started.set()
        go_on.wait(5)
        return some

    async def ask() -> None:
        together = Together(answer, 5.0)
        gone, stays = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
        await asyncio.to_thread(started.wait, 5)
        gone.cancel()
        go_on.set()
        assert await stays == 2
        with pytest.raises(asyncio.CancelledError):
            await gone

    run(ask)
