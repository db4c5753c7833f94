"""Questions that come while another is being answered are answered together, in one call.

One round trip to Redis and one run of the model then serve dozens of requests, and a handler costs no thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import redis

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST = 256
"""Questions in one call."""


class Together(Generic[Question, Answer]):
    """Collects questions on the event loop and answers them in a thread, one call at a time.

    Args:
        answer: takes questions and returns as many answers in their order.
        within_s: how long a question may wait for its answer.
    """

    def __init__(self, answer: Callable[[list[Question]], list[Answer]], within_s: float) -> None:
        self._answer, self._within_s = answer, within_s
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._work: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """One answer.

        Raises:
            redis.TimeoutError: it did not come in time.
            Exception: what the call raised, for everybody who was in it.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._work is None:
            self._work = asyncio.create_task(self._answer_all())
        try:
            return await asyncio.wait_for(future, self._within_s)
        except TimeoutError:
            raise redis.TimeoutError("no answer in time") from None

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer_some([each for each in some if not each[1].done()])
        finally:
            self._work = None

    async def _answer_some(self, some: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await asyncio.to_thread(self._answer, [question for question, _ in some])
        except Exception as error:
            for _, future in some:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(some, answers, strict=True):
            if not future.done():  # who asked may have gone
                future.set_result(answer)
