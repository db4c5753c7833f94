"""What pages are told: that something they show is another than before. What it is now, they ask for themselves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import redis
import structlog
from redis.client import Pipeline

from api.listeners import Listener, event
from churn.marks import SEQUENCE
from churn.metrics import API_WATCHERS
from churn.view import View

log = structlog.get_logger()

LOOK_S = 0.5
"""How often it looks. With the time that publishing and rendering take, a page moves within two seconds."""
AWAY = "away"
"""The state of everything while Redis does not serve."""

Read = Callable[[list[str]], Mapping[str, str]]


@dataclass
class _Told:
    """What somebody watches, and the state of it that they have."""

    subject: str
    state: str


class Watch:
    """Looks at some subjects for as long as somebody watches them, once for all who do.

    Args:
        read: the state of each of some subjects, as a text that is another one when the subject has changed; blocks.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._watching: dict[Listener, _Told] = {}
        self._task: asyncio.Task[None] | None = None
        self._over = False

    @asynccontextmanager
    async def watching(self, subject: str, has: str = "") -> AsyncIterator[Listener]:
        """A listener that is told of every state of a subject that is another than the one it has."""
        listener = Listener()
        self._watching[listener] = _Told(subject, has)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        if self._over:  # the server stops, and would wait for this one
            listener.end()
        API_WATCHERS.set(len(self._watching))
        try:
            yield listener
        finally:
            self._watching.pop(listener, None)
            API_WATCHERS.set(len(self._watching))

    async def state(self, subject: str) -> str:
        """What a subject is now, as listeners are told it."""
        return (await asyncio.to_thread(self._look, [subject]))[subject]

    def end(self) -> None:
        """Lets everybody go, and whoever comes later; from any thread, or a signal's handler."""
        self._over = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for listener in list(self._watching):
            listener.end()
        self._watching.clear()

    async def _run(self) -> None:
        """Until nobody watches."""
        while self._watching:
            subjects = sorted({each.subject for each in self._watching.values()})
            self._tell(await asyncio.to_thread(self._look, subjects))
            await asyncio.sleep(LOOK_S)

    def _look(self, subjects: list[str]) -> Mapping[str, str]:
        try:
            return self._read(subjects)
        except redis.RedisError:
            return dict.fromkeys(subjects, AWAY)
        except Exception:  # whoever watches would never hear of anything again
            log.exception("a look at what has changed failed")
            return dict.fromkeys(subjects, AWAY)

    def _tell(self, states: Mapping[str, str]) -> None:
        for listener, told in list(self._watching.items()):
            state = states.get(told.subject)
            if state is None or state == told.state:
                continue
            told.state = state
            if not listener.tell(_event(state)):
                self._watching.pop(listener, None)
                listener.end()


def _event(state: str) -> bytes:
    return event(state, b"{}", "changed")


EVERYTHING = "everything"
INCOMING = "incoming"
"""What was counted of what comes in, also where it becomes no score, beside everything."""
DELIVERIES = "deliveries"
_USER = "user:"
_ENDPOINTS = 50
"""The newest so many are looked at."""
_NEWEST, _FEWEST, _IN_ALL = 20, 3, 200
"""Deliveries of each that are looked at: as many as a page shows while there are few endpoints."""


def of_user(user_id: str) -> str:
    """The subject that one user is."""
    return f"{_USER}{user_id}"


def reader(view: View) -> Read:
    """Reads the states of all subjects, in three round trips at most."""

    def read(subjects: list[str]) -> Mapping[str, str]:
        epoch = cast("str | None", view.redis.get("churn:epoch"))
        pipe = view.redis.pipeline(transaction=False)
        ends = []
        for subject in subjects:
            _ask(pipe, subject, epoch)
            ends.append(len(pipe))
        found = pipe.execute(raise_on_error=False)
        states = {subject: found[begin:end] for subject, begin, end in zip(subjects, [0, *ends], ends, strict=False)}
        if DELIVERIES in states:
            states[DELIVERIES] += _deliveries(view.redis, states[DELIVERIES][-1])
        return {subject: _state(epoch, *held) for subject, held in states.items()}

    return read


def _ask(pipe: Pipeline, subject: str, epoch: str | None) -> None:
    """What another state of a subject can be told by."""
    if subject in (EVERYTHING, INCOMING):
        pipe.hmget(f"churn:books:{epoch}", ["scores", "stale", "users"])
        pipe.mget("churn:alerts:sequence", "churn:clock", "churn:rebanding", SEQUENCE, "churn:policy-applied")
        if subject == INCOMING:
            pipe.hgetall("churn:tally")
    elif subject == DELIVERIES:
        pipe.mget("churn:policy-chosen", "churn:policy-applied", "churn:rebanding")
        pipe.hgetall("churn:policy")
        pipe.zrevrange("churn:endpoints", 0, _ENDPOINTS - 1)
    else:
        user_id = subject.removeprefix(_USER)
        pipe.hmget(f"churn:user:{user_id}", ["epoch", "version", "band", "model_version"])
        pipe.hvals(f"churn:marks:{user_id}")
        pipe.get("churn:policy-applied")


def _deliveries(client: redis.Redis, endpoints: Sequence[str]) -> list[object]:
    """Of each endpoint how many wait, which are due first, and how the newest are: a try, or a replay, moves one of
    these. Bounded, however many deliveries there are."""
    most = max(_FEWEST, min(_NEWEST, _IN_ALL // max(1, len(endpoints))))
    pipe = client.pipeline(transaction=False)
    for endpoint in endpoints:
        pipe.hvals(f"churn:endpoint:{endpoint}")
        pipe.zcard(f"churn:queue:{endpoint}")
        pipe.zrange(f"churn:queue:{endpoint}", 0, most - 1, withscores=True)
        # In the order of creation; what is read through the patterns is of each.
        pipe.sort_ro(
            f"churn:deliveries:{endpoint}", by="nosort", desc=True, start=0, num=most,
            get=["#", *(f"churn:delivery:*->{name}" for name in ("state", "tries", "due_ms", "ended_ms"))],
        )  # fmt: skip
    return list(pipe.execute(raise_on_error=False))


def _state(*found: object) -> str:
    """Short, and with nothing of what was found in it: it stands in an event's id. Another process of the API, or this
    one when it has begun anew, tells the same."""
    return hashlib.blake2b(str(found).encode(errors="replace"), digest_size=8).hexdigest()
