"""Deliveries, as Redis holds them. `queue.lua` takes each step in one call.

============================= ====== ================================================================================
`churn:delivery:ID`           hash   one delivery: endpoint, alert, type, body, state, tries; times in ms
`churn:attempts:ID`           list   its attempts, JSON, oldest first; the last 50
`churn:queue:ENDPOINT`        zset   ids of those that wait, by when they are due, ms
`churn:deliveries:ENDPOINT`   zset   ids of all, by creation, ms; for a while also of some that are not there any more
`churn:deliveries:of:ALERT`   set    ids of those about an alert
`churn:deliveries:place`      string place in the order of alerts up to which there are deliveries
============================= ====== ================================================================================

One that was delivered is kept for 7 days, a dead one for 30.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import redis

import churn
from churn.redis_functions import Library

DeliveryState = Literal["waiting", "delivered", "dead"]

AT_ONCE = 1000
"""Deliveries in one call of Redis, which serves nobody else meanwhile."""

FUNCTIONS = Library(
    "churn_webhooks", [Path(churn.__file__).with_name("erase_delivery.lua"), Path(__file__).with_name("queue.lua")]
)
"""Of queue.lua, inside Redis."""


@dataclass(frozen=True)
class New:
    """A delivery to be made.

    Attributes:
        id: of the message, the same at every attempt.
        endpoint: where to.
        alert: which it is about; empty for none.
        type: of the message.
        body: as it is sent.
        created_ms, due_ms: by the wall clock.
    """

    id: str
    endpoint: str
    alert: str
    type: str
    body: str
    created_ms: int
    due_ms: int


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    Attributes:
        at_ms: by the wall clock.
        status: of the answer, None if none came.
        error: why not, empty otherwise.
        duration_ms: until the answer, or until none was waited for any more.
        answer: its first kilobyte, as text.
    """

    at_ms: int
    status: int | None
    error: str
    duration_ms: int
    answer: str


@dataclass(frozen=True)
class Delivery:
    """What became of one. Times in ms."""

    id: str
    endpoint: str
    alert: str
    type: str
    body: str
    state: DeliveryState
    tries: int
    created_ms: int
    due_ms: int | None
    ended_ms: int | None


def message_id(*parts: str) -> str:
    """The id of a message: made of what it is about, so that it is made once however often that is tried."""
    return f"msg_{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:24]}"


def enqueue_arguments(deliveries: Iterable[New], place: int | None = None) -> list[str | int]:
    """What `churn_enqueue` takes."""
    found: list[str | int] = ["" if place is None else place]
    for each in deliveries:
        found += asdict(each).values()
    return found


def begin(client: redis.Redis) -> int:
    """The place in the order of alerts up to which there are deliveries.

    They begin with the first endpoint, or the first start of `churn deliver`: nobody had asked for the alerts before.
    """
    held = cast("str | None", client.get("churn:deliveries:place"))
    if held is not None:
        return int(held)
    newest = cast("str | None", client.get("churn:alerts:sequence")) or "0"
    client.set("churn:deliveries:place", newest, nx=True)
    return begin(client)


class Deliveries:
    """Reads deliveries, and changes them as people ask for.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._redis, self._clock = client, clock

    def enqueue(self, deliveries: Iterable[New]) -> int:
        """Adds deliveries; returns how many were new."""
        return int(FUNCTIONS.call(self._redis, "churn_enqueue", *enqueue_arguments(deliveries)))

    def get(self, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            LookupError: there is none of this id.
        """
        (found,) = self._read([delivery_id])
        if found is None:
            raise LookupError(delivery_id)
        return found

    def attempts(self, delivery_id: str) -> list[Attempt]:
        """Its attempts, oldest first."""
        held = cast("list[str]", self._redis.lrange(f"churn:attempts:{delivery_id}", 0, -1))
        return [Attempt(**json.loads(each)) for each in held]

    def newest(self, endpoint: str, before: tuple[int, str] | None, limit: int) -> list[Delivery]:
        """Deliveries to an endpoint, newest first, from behind a place on: creation and id of one."""
        created_ms, after = (float("inf"), "") if before is None else before
        found: list[Delivery] = []
        passed = 0
        while len(found) < limit:
            some = cast("list[tuple[str, float]]", self._redis.zrevrangebyscore(
                f"churn:deliveries:{endpoint}", created_ms, "-inf", start=passed, num=limit, withscores=True
            ))  # fmt: skip
            passed += len(some)
            ids = [each for each, at_ms in some if at_ms < created_ms or each < after]
            found += [each for each in self._read(ids) if each is not None]
            if len(some) < limit:
                break
        return found[:limit]

    def replay(self, delivery_id: str) -> bool:
        """Sends one once more, now; False if it or its endpoint is not there."""
        return bool(FUNCTIONS.call(self._redis, "churn_replay", delivery_id, self._clock()))

    def replay_dead(self, endpoint: str, since_ms: int) -> int:
        """Sends all once more that died since a time; returns how many."""
        ids = (each for each, _ in self._redis.zscan_iter(f"churn:deliveries:{endpoint}", count=AT_ONCE))
        replayed = 0
        while some := list(itertools.islice(ids, AT_ONCE)):
            replayed += sum(self.replay(each) for each in self._died_since(some, since_ms))
        return replayed

    def waiting(self, endpoint: str) -> int:
        """How many wait."""
        return int(self._redis.zcard(f"churn:queue:{endpoint}"))

    def delete_endpoint(self, endpoint: str) -> None:
        """Erases all deliveries to an endpoint, those that wait first."""
        for key in (f"churn:queue:{endpoint}", f"churn:deliveries:{endpoint}"):
            while ids := cast("list[str]", self._redis.zrange(key, 0, AT_ONCE - 1)):
                FUNCTIONS.call(self._redis, "churn_erase_deliveries", *ids)
                self._redis.zrem(key, *ids)  # also what is in the list only

    def _died_since(self, ids: Iterable[str], since_ms: int) -> list[str]:
        some = list(dict.fromkeys(ids))  # a scan may tell one twice
        pipe = self._redis.pipeline(transaction=False)
        for each in some:
            pipe.hmget(f"churn:delivery:{each}", "state", "ended_ms")
        found = zip(some, pipe.execute(), strict=True)
        return [each for each, (state, ended_ms) in found if state == "dead" and int(ended_ms) >= since_ms]

    def _read(self, ids: Sequence[str]) -> list[Delivery | None]:
        pipe = self._redis.pipeline(transaction=False)
        for each in ids:
            pipe.hgetall(f"churn:delivery:{each}")
        return [_delivery(each, held) if held else None for each, held in zip(ids, pipe.execute(), strict=True)]


def _delivery(delivery_id: str, held: dict[str, str]) -> Delivery:
    return Delivery(
        id=delivery_id,
        endpoint=held["endpoint"],
        alert=held["alert"],
        type=held["type"],
        body=held["body"],
        state=cast("DeliveryState", held["state"]),
        tries=int(held["tries"]),
        created_ms=int(held["created_ms"]),
        due_ms=int(held["due_ms"]) if held["due_ms"] else None,
        ended_ms=int(held["ended_ms"]) if held.get("ended_ms") else None,
    )
