"""How the risks of active users are spread: now, and as it was when the event clock entered each hour.

============== ==== ======================================================================================
`churn:spread` zset `HOUR:[[20 counts],[high,medium,low]]` by the hour, ms of event time; 14 days of them
============== ==== ======================================================================================

Publish writes it. The scores topic keeps only the newest score of each user, so nothing brings a lost one back; after
`churn rebuild --replace` those that are there are still what was then. It is in no backup: a Redis into which publish
has written an hour could not be restored without `--replace`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from churn.outcomes import Band
from churn.settings import DAY_MS

KEY = "churn:spread"
BINS = 20
"""Of equal width, from a risk of 0 to 1."""
HOUR_MS = 3_600_000
KEPT_MS = 14 * DAY_MS
_BANDS: tuple[Band, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Spread:
    """How many active users there are.

    Attributes:
        counts: by risk, :data:`BINS` of them.
        bands: by band.
    """

    counts: tuple[int, ...]
    bands: Mapping[Band, int]


@dataclass(frozen=True)
class Remembered:
    """A spread as it was.

    Attributes:
        hour_ms: the hour that the event clock had just entered, ms.
        spread: at that moment.
    """

    hour_ms: int
    spread: Spread


def hour_of(clock_ms: int) -> int:
    """The beginning of the hour in which a time lies, ms."""
    return clock_ms - clock_ms % HOUR_MS


class Spreads:
    """Counts, remembers and reads spreads. Every method raises `redis.exceptions.RedisError` when Redis is not there.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def now(self) -> Spread:
        """Counted now, in one round trip."""
        pipe = self._redis.pipeline()
        for place in range(BINS):
            least = "-inf" if place == 0 else place / BINS
            pipe.zcount("churn:ranking", least, "+inf" if place == BINS - 1 else f"({(place + 1) / BINS}")
        for band in _BANDS:
            pipe.zcard(f"churn:ranking:{band}")
        found = cast("list[int]", pipe.execute())
        return _spread([found[:BINS], found[BINS:]])

    def remember(self, hour_ms: int) -> None:
        """Keeps the spread of this moment as that of an hour of the event clock, and lets go of what is too old."""
        spread = self.now()
        counted = [spread.counts, [spread.bands[band] for band in _BANDS]]
        pipe = self._redis.pipeline()
        pipe.zremrangebyscore(KEY, hour_ms, hour_ms)
        pipe.zadd(KEY, {f"{hour_ms}:{json.dumps(counted, separators=(',', ':'))}": hour_ms})
        pipe.zremrangebyscore(KEY, "-inf", hour_ms - KEPT_MS)
        pipe.execute()

    def newest_hour(self) -> int | None:
        """The last hour that is remembered, ms."""
        found = cast("list[tuple[str, float]]", self._redis.zrange(KEY, -1, -1, withscores=True))
        return int(found[0][1]) if found else None

    def oldest_hour(self) -> int | None:
        """The first hour that is remembered, ms."""
        found = cast("list[tuple[str, float]]", self._redis.zrange(KEY, 0, 0, withscores=True))
        return int(found[0][1]) if found else None

    def before(self, clock_ms: int, back_ms: int = DAY_MS) -> Remembered | None:
        """The spread some time before the clock, or the next one before that; None if none is remembered."""
        found = self._redis.zrevrangebyscore(KEY, clock_ms - back_ms, "-inf", start=0, num=1)
        for member in cast("list[str]", found):
            hour, counted = member.split(":", 1)
            return Remembered(int(hour), _spread(json.loads(counted)))
        return None


def _spread(counted: list[Any]) -> Spread:
    counts, bands = counted
    return Spread(tuple(counts), dict(zip(_BANDS, bands, strict=True)))
