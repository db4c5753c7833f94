"""A view of an older layout, made one of today's."""

from __future__ import annotations

import itertools
import json
from typing import Any, cast

import redis

from churn.view_features import packed

_AT_ONCE = 1000
_FIELDS_OF_2 = 6


def take_over(client: redis.Redis) -> None:
    """From layout 1 or 2; done twice, or again after it was cut short, it comes to the same."""
    if client.exists("churn:last-seen"):  # layout 1 knew when users were last seen, not when they are due: all are now
        client.rename("churn:last-seen", "churn:due")
    keys = client.scan_iter("churn:user:*", count=_AT_ONCE)
    while some := list(itertools.islice(keys, _AT_ONCE)):
        _move_features(client, some)
        _shorten_points(client, [key.replace(":user:", ":history:", 1) for key in some])


def _move_features(client: redis.Redis, keys: list[str]) -> None:
    """Layout 2 held them as JSON, within the hash; written anew, Redis packs what is left of it."""
    reads = client.pipeline(transaction=False)
    for key in keys:
        reads.hgetall(key)
    writes = client.pipeline()
    for key, held in zip(keys, cast("list[dict[str, str]]", reads.execute()), strict=True):
        features = held.pop("features", None)
        if features is not None:
            writes.set(key.replace(":user:", ":features:", 1), packed(json.loads(features)))
            writes.delete(key)
            writes.hset(key, mapping=cast("dict[Any, Any]", held))
    writes.execute()


def _shorten_points(client: redis.Redis, keys: list[str]) -> None:
    """Layout 2 held as_of, version, p_cancel, p_lapse, risk and band, the chances in all their digits."""
    reads = client.pipeline(transaction=False)
    for key in keys:
        reads.zrange(key, 0, -1)
    writes = client.pipeline()
    for key, held in zip(keys, cast("list[list[str]]", reads.execute()), strict=True):
        points = [json.loads(point) for point in held]
        if points and len(points[0]) == _FIELDS_OF_2:
            writes.delete(key)
            writes.zadd(key, {_short(*point): point[0] for point in points})
    writes.execute()


def _short(as_of: int, version: int, p_cancel: float, p_lapse: float, _risk: float, band: str) -> str:
    return f'[{as_of},{version},{p_cancel:.9g},{p_lapse:.9g},"{band}"]'
