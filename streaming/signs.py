"""What publish leaves for the console: a pulse each second, and how the risks are spread once an hour of event time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import redis
import structlog

from churn.pulse import Pulse, Pulses
from churn.spread import Spreads, hour_of
from churn.view import View
from streaming.latency import Latency

log = structlog.get_logger()


class Signs:
    """Writes both.

    Args:
        view: where they go, and what they tell of.
        topic: name of the scores topic.
        latency: of the scores.
    """

    def __init__(self, view: View, topic: str, latency: Latency) -> None:
        self._view, self._topic, self._latency = view, topic, latency
        self._pulses, self._spreads = Pulses(view.redis), Spreads(view.redis)
        self._scored: int | None = None
        self._hour_ms: int | None = None
        self._was_filling = self._is_troubled = False

    def give(self, wall_ms: int) -> None:
        """To be called once a second. Whatever goes wrong here is said once, and holds up no score.

        Args:
            wall_ms: the wall clock.

        Raises:
            redis.ConnectionError, redis.TimeoutError: Redis does not answer.
        """
        errors = [*self._tried(lambda: self._note(wall_ms)), *self._tried(self._remember)]
        if errors and not self._is_troubled:
            log.warning("the console is not told how publishing goes", error=f"{errors[0]!r}")
        self._is_troubled = bool(errors)

    def _tried(self, work: Callable[[], None]) -> list[Exception]:
        try:
            work()
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception as error:
            return [error]
        return []

    def _note(self, wall_ms: int) -> None:
        scored, is_filling = self._view.books().events_scored, self._is_filling()
        # A new epoch, and a Redis that was emptied, begin at nothing; what a rebuild brings again did not come now.
        is_known = self._scored is not None and not is_filling and not self._was_filling
        events = max(0, scored - (self._scored or 0)) if is_known else 0
        self._scored, self._was_filling = scored, is_filling
        took_ms = self._latency.lately()  # asked for in any case: the next second begins here
        p50_ms, p99_ms = (None, None) if is_filling else took_ms
        self._pulses.note(Pulse(wall_ms, scored, events, p50_ms, p99_ms, self._view.clock()))

    def _remember(self) -> None:
        clock = self._view.clock()
        if clock is None:
            return
        hour_ms = hour_of(clock)
        if self._hour_ms is None:
            # Without any, the hour in which it begins is left out: not everybody may be there yet.
            newest = self._spreads.newest_hour()
            self._hour_ms = hour_ms if newest is None else newest
        if hour_ms > self._hour_ms and not self._is_filling():
            self._spreads.remember(hour_ms)
            self._hour_ms = hour_ms

    def _is_filling(self) -> bool:
        """Whether a rebuild has still to bring some users: their absence is no news."""
        until = cast("dict[str, str]", self._view.redis.hgetall("churn:silent-until"))
        reached = cast("dict[str, str]", self._view.redis.hgetall("churn:offsets"))
        ours = {field: int(offset) for field, offset in until.items() if field.startswith(f"{self._topic}:")}
        return any(int(reached.get(field, 0)) < offset for field, offset in ours.items())
