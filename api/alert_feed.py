"""New alerts as they come, for everybody who listens to this process: one subscription, each alert told once."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

import redis
import structlog
from pydantic_core import to_json
from redis import asyncio as async_redis

from api.alert_answers import AlertWords
from api.listeners import Listener, event
from churn.metrics import API_LISTENERS, API_LISTENERS_DROPPED
from churn.view import View

log = structlog.get_logger()

CHANNEL = "churn:alerted"
LOOK_S = 5.0
"""How often it looks without having been told: what is published while a connection breaks is lost."""
RETRY_S = 1.0
AT_ONCE = 100
"""Alerts that are told before others get a turn, who read them: far fewer than a listener may be behind."""
TURN_S = 0.05
TURNS = 40
"""How often, and for how long each, one burst waits for whoever has no room; after that they are dropped."""

READERS = 4
"""Threads at a time that read for listeners: requests need the others, first of all to find out who asks."""
_GAP = b'{"detail":"Some alerts were missed; GET /v1/alerts has them."}'
_PLACE = re.compile(r"place_([0-9]{1,19})")

Given = ParamSpec("Given")
Found = TypeVar("Found")


def here(place: int) -> bytes:
    """Where a listener stands: without data it is no event, but the id counts as the last one that was received."""
    return b"id: place_%d\n\n" % place


def gap(place: int) -> bytes:
    """That some alerts are not told, and behind which place it goes on."""
    return event(f"place_{place}", _GAP, "gap")


class AlertFeed:
    """Reads each new alert once and tells every listener.

    Args:
        view: where alerts are read, in a thread.
        words: tells them.
        subscriber: makes a connection for the one subscription.
    """

    def __init__(self, view: View, words: AlertWords, subscriber: Callable[[], async_redis.Redis]) -> None:
        self._view, self._words, self._subscriber = view, words, subscriber
        self._listeners: set[Listener] = set()
        self._place = 0
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._readers = asyncio.Semaphore(READERS)
        self._open: Counter[str] = Counter()
        self._over = False

    def enter(self, key_id: str, most: int) -> bool:
        """Counts one more stream of a key, until :meth:`leave`; False if it has as many as it may."""
        if self._open[key_id] >= most:
            return False
        self._open[key_id] += 1
        return True

    def leave(self, key_id: str) -> None:
        """One stream of a key less."""
        self._open[key_id] -= 1
        if not self._open[key_id]:
            del self._open[key_id]

    async def read(self, what: Callable[Given, Found], *args: Given.args, **named: Given.kwargs) -> Found:
        """Calls what blocks in a thread, for a listener."""
        async with self._readers:
            return await asyncio.to_thread(what, *args, **named)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[Listener, int]]:
        """A listener, and the place in the order of alerts from behind which it is told."""
        async with self._beginning:  # of many that come at once, one begins
            if self._task is None:
                self._place = await asyncio.to_thread(self._view.last_alert_place)
                self._task = asyncio.create_task(self._run())
        listener = Listener()
        self._listeners.add(listener)
        if self._over:  # the server stops, and would wait for this one
            listener.end()
        API_LISTENERS.set(len(self._listeners))
        try:
            yield listener, self._place
        finally:
            self._listeners.discard(listener)
            API_LISTENERS.set(len(self._listeners))

    def end(self) -> None:
        """Lets everybody go, and whoever comes later, and stops; from any thread, or a signal's handler."""
        self._over = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for listener in self._listeners:
            listener.end()

    def place_of(self, event_id: str) -> int | None:
        """Where a listener stands that has received an event; None if that is not known, or not any more. Blocks."""
        found = _PLACE.fullmatch(event_id)
        if found is None:
            return self._view.alert_place(event_id)
        place = int(found[1])
        return place if place <= self._view.last_alert_place() else None  # else Redis has lost alerts

    def between(self, after: int, until: int) -> list[bytes]:
        """Alerts behind a place and up to another as events, oldest first. Blocks."""
        most = max(0, until - after)  # places go up by one, with holes where an alert was erased
        places = dict(self._view.alert_ids_after(after, most)) if most else {}
        return self._events([alert_id for alert_id, place in places.items() if place <= until])

    def _events(self, alert_ids: list[str]) -> list[bytes]:
        if not alert_ids:
            return []
        alerts = self._words.told(self._view.alerts_of(alert_ids), self._view.horizon_days())
        return [event(alert["id"], to_json(alert), "alert") for alert in alerts]

    def _new(self) -> tuple[list[bytes], int, bool]:
        """What is to be told, the place that it goes up to, and whether there may be more. Blocks."""
        places = dict(self._view.alert_ids_after(self._place, AT_ONCE))
        if places:
            return self._events(list(places)), max(places.values()), len(places) == AT_ONCE
        last = self._view.last_alert_place()
        # Redis has lost alerts, and counts anew from a smaller place: waiting for a larger one nobody would be told.
        return ([gap(last)] if last < self._place else []), min(last, self._place), False

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (redis.RedisError, OSError):
                log.warning("the live alerts wait for Redis")
            except Exception:  # whoever listens would never hear of anything again
                log.exception("the live alerts begin anew after a fault")
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Until the connection breaks."""
        client = self._subscriber()
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                while True:
                    await self._tell_new()
                    await subscription.get_message(timeout=LOOK_S)
        finally:
            await client.aclose()

    async def _tell_new(self) -> None:
        more, turns = True, TURNS
        while more:
            events, self._place, more = await asyncio.to_thread(self._new)
            for each in events:
                self._tell(each)
            # Who reads is not to be dropped by a burst, and who does not is not to hold up the others for long.
            while more and turns and not all(each.has_room(AT_ONCE) for each in self._listeners):
                turns -= 1
                await asyncio.sleep(TURN_S)

    def _tell(self, each: bytes) -> None:
        for listener in [one for one in self._listeners if not one.tell(each)]:
            API_LISTENERS_DROPPED.inc()
            self._listeners.discard(listener)
            listener.end()
