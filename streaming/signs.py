"""What publish leaves for the console: a pulse each second, and how the risks are spread once an hour of event time."""

from __future__ import annotations

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

    def give(self, wall_ms: int) -> None:
        """To be called once a second. What Redis refuses here holds up no score.

        Args:
            wall_ms: the wall clock.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        try:
            clock = self._view.clock()
            self._note(wall_ms, clock)
            if clock is not None:
                self._remember(clock)
        except redis.ResponseError as error:
            log.warning("the console is not told how publishing goes", error=str(error))

    def _note(self, wall_ms: int, clock: int | None) -> None:
        scored = self._view.books().events_scored
        # A new epoch, and a Redis that was emptied, begin at nothing.
        events = 0 if self._scored is None else max(0, scored - self._scored)
        self._scored = scored
        self._pulses.note(Pulse(wall_ms, scored, events, *self._latency.lately(), clock))

    def _remember(self, clock: int) -> None:
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
