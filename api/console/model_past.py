"""What the view keeps of users' pasts, of many users at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from churn.outcomes import Status

CHUNK = 250
_HISTORY = "churn:history:"


@dataclass(frozen=True)
class Past:
    """What is kept of one user.

    Attributes:
        points: texts, oldest first.
        status: now; None where there is no score.
        model_version: of the score now.
    """

    points: Sequence[str]
    status: Status | None
    model_version: str


def pasts(client: redis.Redis, most: int) -> Iterator[Past]:
    """Of everybody, or of as many as are looked at: those that a scan meets first, which is no order.

    Args:
        client: decodes answers to text.
        most: users.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    keys = itertools.islice(client.scan_iter(f"{_HISTORY}*", count=1000), most)
    while some := list(itertools.islice(keys, CHUNK)):
        pipe = client.pipeline(transaction=False)
        for key in some:
            pipe.zrange(key, 0, -1)
            pipe.hmget(f"churn:user:{key.removeprefix(_HISTORY)}", "status", "model_version")
        found = pipe.execute()
        for points, (status, model) in zip(found[::2], found[1::2], strict=True):
            yield Past(points, cast("Status | None", status), model or "")
