"""What the view keeps of users' pasts, of many users at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from churn.outcomes import Status
from churn.settings import DAY_MS
from churn.view_records import POINTS_KEPT_DAYS

CHUNK = 250
_HISTORY = "churn:history:"


@dataclass(frozen=True)
class History:
    """What is kept of one user.

    Attributes:
        points: texts, as :func:`churn.view_records.point` reads them; oldest first.
        status: now; None where there is no score.
        model_version: of the score now.
    """

    points: Sequence[str]
    status: Status | None
    model_version: str


def histories(client: redis.Redis, most: int, clock_ms: int) -> Iterator[History]:
    """Of everybody, or of as many as are looked at: those that a scan meets first, which is no order.

    Of those who have left older points are kept than of whoever is scored. They are left out: of those days there would
    be nobody who is still there.

    Args:
        client: decodes answers to text.
        most: users.
        clock_ms: the event clock.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    since_ms = clock_ms - POINTS_KEPT_DAYS * DAY_MS
    keys = itertools.islice(client.scan_iter(f"{_HISTORY}*", count=1000), most)
    while some := list(itertools.islice(keys, CHUNK)):
        pipe = client.pipeline(transaction=False)
        for key in some:
            pipe.zrangebyscore(key, since_ms, "+inf")
            pipe.hmget(f"churn:user:{key.removeprefix(_HISTORY)}", "status", "model_version")
        found = pipe.execute()
        for points, (status, model) in zip(found[::2], found[1::2], strict=True):
            yield History(points, cast("Status | None", status), model or "")
