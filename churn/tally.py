"""The tally: how many events came in, by day of event time, and how many dead letters. `churn publish` writes it, the
console reads it.

======================== ====== ===============================================================
`churn:tally`            hash   since when it counts (`since_ms`, by the wall clock); sums since then: `events`,
                                `passed` and `passed_letters` (records that came faster than the budget),
                                `dead|REASON`; `dead_ms|REASON`, when the newest came; `offset|TOPIC|PARTITION`,
                                the offset that comes next
`churn:tally:YYYYMMDD`   hash   one day of event time, UTC: `page|NAME|LEVEL`, `hour|H`, `logged_out`, and the records
                                that nobody's listening made: `heartbeats`, `openings`; :data:`KEPT_MS`
`churn:tally:days`       zset   the days that there are, by when they last grew; at most :data:`MOST_DAYS`
======================== ====== ===============================================================

It counts what came in: an event that came twice counts twice. Names are those that this module knows, and `other` for
whatever else stands in a record, so that no log can fill the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import redis

from churn import events
from churn.settings import DAY_MS

KEY = "churn:tally"
DAYS = "churn:tally:days"
KEPT_MS = 120 * DAY_MS
MOST_DAYS = 400
"""A log of another year fits; with one more day, the one that has not grown for the longest time goes."""

OTHER = "other"
NO_LEVEL = "none"
LEVELS = (*events.LEVELS, NO_LEVEL)
REASONS: tuple[str, ...] = (*get_args(events.Reason), "unreadable-score")
"""Why a record becomes a dead letter."""

HOUR_MS = 3_600_000

Place = tuple[str, int]
"""Topic and partition."""


@dataclass
class Counts:
    """What was counted since the last writing.

    Attributes:
        days: fields of each day's hash, by days since 1970.
        sums: fields of the hash of all days.
        newest_ms: when the newest dead letter of a reason came.
    """

    days: dict[int, Counter[str]] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)
    newest_ms: dict[str, int] = field(default_factory=dict)

    def event(self, event: events.Event) -> None:
        """One valid event, whether it came before or not."""
        day = self.days.setdefault(event.ts // DAY_MS, Counter())
        if event.page in events.RESERVED_PAGES:
            day["heartbeats" if event.page == events.HEARTBEAT else "openings"] += 1
            return
        page = event.page if event.page in events.PAGES else OTHER
        day[f"page|{page}|{event.level or NO_LEVEL}"] += 1
        day[f"hour|{event.ts // HOUR_MS % 24}"] += 1
        day["logged_out"] += event.logged_out
        self.sums["events"] += 1

    def letter(self, reason: object, received_ms: object) -> None:
        """One dead letter, whatever stands in it."""
        name = reason if isinstance(reason, str) and reason in REASONS else OTHER
        self.sums[f"dead|{name}"] += 1
        if type(received_ms) is int and 0 < received_ms < events.TS_MAX_MS:
            self.newest_ms[name] = max(received_ms, self.newest_ms.get(name, 0))


class TallyWriter:
    """Writes the tally. Every method raises `redis.RedisError` when Redis is not there.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def offsets(self, places: list[Place]) -> dict[Place, int | None]:
        """The offset that comes next of each; None of one that was never read."""
        if not places:
            return {}
        held = cast("list[str | None]", self._redis.hmget(KEY, list(map(_offset, places))))
        return {place: None if text is None else int(text) for place, text in zip(places, held, strict=True)}

    def add(self, counts: Counts, moved: Mapping[Place, tuple[int | None, int]], wall_ms: int) -> None:
        """Adds counts and moves the offsets behind what was counted: both or neither.

        Args:
            counts: to be added.
            moved: of every place, the offset that Redis holds now, and the one that comes next.
            wall_ms: the wall clock.

        Raises:
            redis.WatchError: Redis holds other offsets, because it lost some data, or somebody else counts, too.
                Nothing was added.
        """
        with self._redis.pipeline() as pipeline:
            pipe: Any = pipeline
            pipe.watch(KEY)
            held = cast("list[str | None]", pipe.hmget(KEY, list(map(_offset, moved))))
            if [None if text is None else int(text) for text in held] != [before for before, _ in moved.values()]:
                raise redis.WatchError("the tally holds other offsets")
            ages = dict(cast("list[tuple[str, float]]", pipe.zrange(DAYS, 0, -1, withscores=True)))
            pipe.multi()
            pipe.hsetnx(KEY, "since_ms", str(wall_ms))
            pipe.hset(KEY, mapping={_offset(place): str(to) for place, (_, to) in moved.items()})
            for name, count in counts.sums.items():
                pipe.hincrby(KEY, name, count)
            for reason, newest_ms in counts.newest_ms.items():
                pipe.hset(KEY, f"dead_ms|{reason}", str(newest_ms))
            _add_days(pipe, counts.days, wall_ms)
            _take_out(pipe, ages | {name_of(day): float(wall_ms) for day in counts.days}, wall_ms)
            pipe.execute()


def _add_days(pipe: Any, days: Mapping[int, Counter[str]], wall_ms: int) -> None:
    for day, fields in days.items():
        key = f"{KEY}:{name_of(day)}"
        for name, count in fields.items():
            if count:
                pipe.hincrby(key, name, count)
        pipe.pexpire(key, KEPT_MS)
        pipe.zadd(DAYS, {name_of(day): wall_ms})


def _take_out(pipe: Any, ages: Mapping[str, float], wall_ms: int) -> None:
    """Days that are too old, or too many."""
    by_age = sorted(ages, key=lambda name: (ages[name], name))
    surplus = set(by_age[: max(0, len(by_age) - MOST_DAYS)])
    for name in [name for name in by_age if name in surplus or ages[name] <= wall_ms - KEPT_MS]:
        pipe.delete(f"{KEY}:{name}")
        pipe.zrem(DAYS, name)


def _offset(place: Place) -> str:
    return f"offset|{place[0]}|{place[1]}"


def name_of(day: int) -> str:
    """A day by days since 1970, as `20181031`."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y%m%d}"
