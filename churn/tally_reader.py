"""Reads the tally: what came in, by day of event time, and dead letters by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

import redis

from churn.settings import DAY_MS
from churn.tally import DAYS, KEY

_HOURS = 24


@dataclass(frozen=True)
class Day:
    """One day of event time, UTC.

    Attributes:
        date: which.
        pages: events by page and level; the level `none` is one that a record did not tell.
        hours: events by hour, 0 to 23.
        logged_out: how many of the events are of nobody who was logged in.
        heartbeats: records that publish sent itself; they are no events of anybody.
        openings: balances that came, neither.
    """

    date: date
    pages: Mapping[tuple[str, str], int]
    hours: tuple[int, ...]
    logged_out: int
    heartbeats: int
    openings: int

    @property
    def events(self) -> int:
        """All that came."""
        return sum(self.pages.values())

    @property
    def weekday(self) -> int:
        """0 is Monday."""
        return self.date.weekday()


@dataclass(frozen=True)
class Dead:
    """Dead letters of one reason, and when the newest came: the broker's stamp on its record, ms."""

    count: int
    newest_ms: int | None


@dataclass(frozen=True)
class Tally:
    """What was counted.

    Attributes:
        since_ms: since when, by the wall clock.
        events: since then.
        passed: records of events that came too fast to be counted, since then.
        passed_letters: the same of dead letters.
        dead: by reason, since then.
        dates: the days that were asked for, in order, up to the newest; none while no day was counted.
        days: those of them on which anything came.
    """

    since_ms: int
    events: int
    passed: int
    passed_letters: int
    dead: Mapping[str, Dead]
    dates: tuple[date, ...]
    days: tuple[Day, ...]


def read(client: redis.Redis, days: int) -> Tally | None:
    """The tally with its newest days, None while nothing was ever counted.

    The newest day is that of the days that grew lately: one record with a wrong clock would otherwise move them all
    out of sight for months.

    Args:
        client: decodes answers to text.
        days: how many, back from the newest.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    pipe = client.pipeline()
    pipe.hgetall(KEY)
    pipe.zrange(DAYS, 0, -1, withscores=True)
    sums, grown = cast("tuple[dict[str, str], list[tuple[str, float]]]", tuple(pipe.execute()))
    if "since_ms" not in sums:
        return None
    dates = _dates(grown, days)
    return Tally(
        since_ms=int(sums["since_ms"]),
        events=int(sums.get("events", 0)),
        passed=int(sums.get("passed", 0)),
        passed_letters=int(sums.get("passed_letters", 0)),
        dead=_dead(sums),
        dates=dates,
        days=_days(client, sorted({_date(name) for name, _ in grown}.intersection(dates))),
    )


def _dates(grown: list[tuple[str, float]], days: int) -> tuple[date, ...]:
    if not grown:
        return ()
    lately = max(at_ms for _, at_ms in grown) - DAY_MS
    last = max(_date(name) for name, at_ms in grown if at_ms >= lately)
    return tuple(last - timedelta(days=ago) for ago in reversed(range(days)))


def _date(name: str) -> date:
    return datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).date()


def _days(client: redis.Redis, dates: list[date]) -> tuple[Day, ...]:
    pipe = client.pipeline(transaction=False)
    for each in dates:
        pipe.hgetall(f"{KEY}:{each:%Y%m%d}")
    found = cast("list[dict[str, str]]", pipe.execute())
    return tuple(_day(each, fields) for each, fields in zip(dates, found, strict=True) if fields)


def _day(at: date, fields: Mapping[str, str]) -> Day:
    pages = Counter[tuple[str, str]]()
    for name, count in fields.items():
        if name.startswith("page|"):
            _, page, level = name.split("|")
            pages[page, level] += int(count)
    return Day(
        date=at,
        pages=pages,
        hours=tuple(int(fields.get(f"hour|{hour}", 0)) for hour in range(_HOURS)),
        logged_out=int(fields.get("logged_out", 0)),
        heartbeats=int(fields.get("heartbeats", 0)),
        openings=int(fields.get("openings", 0)),
    )


def _dead(sums: Mapping[str, str]) -> dict[str, Dead]:
    found = {}
    for name, count in sums.items():
        kind, _, reason = name.partition("|")
        if kind == "dead":
            newest = sums.get(f"dead_ms|{reason}")
            found[reason] = Dead(int(count), None if newest is None else int(newest))
    return found
