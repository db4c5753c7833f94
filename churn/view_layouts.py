"""A view of an older layout, made one of today's."""

from __future__ import annotations

import itertools
import json
from typing import Any, cast

import redis
from redis.client import Pipeline

from churn.view_features import packed

_AT_ONCE = 1000


def take_over(client: redis.Redis, layout: str) -> None:
    """From layout 1, 2 or 3; done twice, or again after it was cut short, it comes to the same."""
    _list_alerts(client)
    if layout not in ("1", "2"):
        return
    if client.exists("churn:last-seen"):  # layout 1 knew when users were last seen, not when they are due: all are now
        client.rename("churn:last-seen", "churn:due")
    keys = client.scan_iter("churn:user:*", count=_AT_ONCE)
    while some := list(itertools.islice(keys, _AT_ONCE)):
        _take_over_users(client, [key.removeprefix("churn:user:") for key in some])


def _list_alerts(client: redis.Redis) -> None:
    """Before layout 4 nobody could tell which alerts were about a user."""
    ids = cast("list[str]", client.zrange("churn:alerts", 0, -1))
    for key in client.scan_iter("churn:alerts:of:*", count=_AT_ONCE):
        client.unlink(key)
    for alert_id in ids:
        user_id = cast("str | None", client.hget(f"churn:alert:{alert_id}", "user_id"))
        if user_id is not None:
            client.rpush(f"churn:alerts:of:{user_id}", alert_id)


def _take_over_users(client: redis.Redis, user_ids: list[str]) -> None:
    """All of them in one transaction. A hash with features in it is of a user who was not taken over yet."""
    reads = client.pipeline(transaction=False)
    for user_id in user_ids:
        reads.hgetall(f"churn:user:{user_id}")
        reads.zrange(f"churn:history:{user_id}", 0, -1)
    found = reads.execute()
    writes = client.pipeline()
    for user_id, score, points in zip(user_ids, found[::2], found[1::2], strict=True):
        if "features" in score:
            _write(writes, user_id, score, points)
    writes.execute()


def _write(pipe: Pipeline, user_id: str, score: dict[str, str], points: list[str]) -> None:
    """Layout 2 held features as JSON within the hash, and points with their risk and all their digits.

    Both keys are made anew: only so does Redis pack what is left in them.
    """
    pipe.set(f"churn:features:{user_id}", packed(json.loads(score.pop("features"))))
    pipe.delete(f"churn:user:{user_id}", f"churn:history:{user_id}")
    pipe.hset(f"churn:user:{user_id}", mapping=cast("dict[Any, Any]", score))
    if points:
        pipe.zadd(f"churn:history:{user_id}", dict(_shortened(*json.loads(point)) for point in points))


def _shortened(as_of: int, version: int, p_cancel: float, p_lapse: float, _risk: float, band: str) -> tuple[str, int]:
    return f'[{as_of},{version},{p_cancel:.9g},{p_lapse:.9g},"{band}"]', as_of
