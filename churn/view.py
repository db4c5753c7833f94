"""The view of the scores in Redis: its keys, its writer, its reader. `view.lua` beside it does the writing,
by the decisions of `view_decisions.lua`.

The view, all keys under `churn:`:

========================== ====== =============================================================
`churn:schema`             string version of this layout, :data:`SCHEMA`
`churn:user:ID`            hash   the newest score of a user, and its band
`churn:features:ID`        string its raw feature values, as :mod:`churn.view_features` packs them
`churn:ranking`            zset   active users by risk
`churn:ranking:BAND`       zset   the same, of one band
`churn:due`                zset   users that are not cancelled, by the event time of their next heartbeat
`churn:history:ID`         zset   points `[as_of, version, p_cancel, p_lapse, band]` by `as_of`
`churn:alerts`             zset   alert ids in the order in which they were raised; a year of event time
`churn:alerts:sequence`    string the place of the newest alert in that order
`churn:alert:ID`           hash   one alert
`churn:policy`             hash   of the model in use: thresholds, :class:`AlertPolicy`; its `horizon_days`
`churn:policy:MODEL`       hash   thresholds for the scores of one model, which may be an older one
`churn:heartbeats`         hash   how often the silent are looked at, :class:`HeartbeatPolicy`
`churn:offsets`            hash   `topic:partition` to the offset that comes next
`churn:silent-until`       hash   `topic:partition` to the offset before which no alert is raised: a rebuild
`churn:books:EPOCH`        hash   what the records of an epoch came to, :class:`Books`
`churn:epoch`              string the newest epoch seen
`churn:clock`              string the event clock: the largest `as_of` seen, ms
`churn:hold`               hash   event time, ms, since and until when alerts for lapsing wait after an outage
========================== ====== =============================================================
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, cast

import redis

from churn import clients
from churn.connections import Redis
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy, Band, HeartbeatPolicy
from churn.scores import Score
from churn.view_features import TABLE
from churn.view_function import FUNCTION, call_arguments, function_code
from churn.view_layouts import take_over
from churn.view_records import Alert, Books, Point, UserScore, typed, user_score

__all__ = ["SCHEMA", "Alert", "Books", "Point", "UserScore", "Verdict", "View", "durability_problems"]

SCHEMA = f"3-{TABLE}"
"""The layout, and the feature table by which values are packed."""
Verdict = Literal["applied", "stale", "passed"]
"""Of a record: it is its user's newest score now; the view had a newer one; the stored position was behind it."""

_VERDICTS: dict[str, Verdict] = {"a": "applied", "s": "stale", "p": "passed"}


_OF_SCORES = (
    "churn:offsets",  # first: from here on a publisher would begin anew
    "churn:user:*", "churn:features:*", "churn:history:*", "churn:ranking", "churn:ranking:*", "churn:due",
    "churn:books:*", "churn:epoch", "churn:clock", "churn:hold",
)  # fmt: skip


class View:
    """Reads and writes the view. Every method raises `redis.exceptions.RedisError` when Redis is not there."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    @classmethod
    def connect(cls, where: Redis | str, **options: Any) -> View:
        """Opens a view; the connection itself is made at the first command.

        Args:
            where: the settings of [redis], or the address of a server that asks for no more than what is in it.
            options: of `redis.Redis`, over those that suit a program that may wait.

        Raises:
            ChurnError: the address cannot be one of Redis.
        """
        place = Redis(url=where) if isinstance(where, str) else where
        chosen = {"socket_timeout": 10, "socket_connect_timeout": 5, **clients.redis_py(place), **options}
        try:
            return cls(redis.Redis.from_url(place.url, decode_responses=True, **chosen))
        except ValueError:  # its text may hold the password
            raise ChurnError(
                "The setting redis.url is not an address of Redis.", "Write it as redis://HOST:PORT/DATABASE."
            ) from None

    # writing

    def prepare(self, policy: AlertPolicy, horizon_days: int, heartbeats: HeartbeatPolicy) -> None:
        """Loads the publish function and sets what it decides by.

        Args:
            policy: of the bands and alerts, for the model in use.
            horizon_days: how far that model looks ahead.
            heartbeats: how often the silent are looked at.

        Raises:
            ChurnError: the view was written by another release.
        """
        written = cast("str | None", self.redis.set("churn:schema", SCHEMA, nx=True, get=True))
        if written in ("1", "2"):
            take_over(self.redis)
            self.redis.set("churn:schema", SCHEMA)
        elif written not in (None, SCHEMA):
            raise ChurnError(
                f"Redis holds a view of layout {written}; this release writes layout {SCHEMA}.",
                "Empty that Redis database, or name another one in the setting redis.url.",
            )
        self.redis.function_load(function_code(), replace=True)
        rules = {**asdict(policy), "horizon_days": horizon_days}
        self.redis.hset("churn:policy", mapping=cast("dict[Any, Any]", rules))
        self.redis.hset("churn:heartbeats", mapping=cast("dict[Any, Any]", asdict(heartbeats)))

    def know(self, model_version: str, policy: AlertPolicy) -> None:
        """Sets the thresholds for the scores of one model; without its own it is judged by those in use."""
        self.redis.hset(f"churn:policy:{model_version}", mapping=cast("dict[Any, Any]", asdict(policy)))

    def silence(self, topic: str, until: Mapping[int, int]) -> None:
        """Raises no alert for records before these offsets, by partition: they were published before a loss."""
        fields = {f"{topic}:{partition}": offset for partition, offset in until.items()}
        self.redis.hset("churn:silent-until", mapping=cast("dict[Any, Any]", fields))

    def clear_scores(self) -> None:
        """Takes out all that the scores topic brings, so that it can be brought again; alerts and policy stay."""
        for pattern in _OF_SCORES:
            keys = self.redis.scan_iter(pattern, count=1000)
            while some := list(itertools.islice(keys, 1000)):
                self.redis.unlink(*some)

    def publish(
        self, topic: str, records: Iterable[tuple[int, int, Score]], wall_ms: int, read: Mapping[int, tuple[int, int]]
    ) -> list[Verdict]:
        """Applies records in order, and the positions behind them, in one atomic call.

        Args:
            topic: name of the scores topic.
            records: partition, offset and score.
            wall_ms: the wall clock.
            read: of every partition that was read, the offset from which it was, and the one that comes next;
                records between them may be missing.

        Returns:
            What became of each record.

        Raises:
            redis.ResponseError: the view does not hold what is before that offset, because Redis went back in time;
                nothing was applied.
        """
        arguments = call_arguments(topic, records, wall_ms, read)
        return [_VERDICTS[letter] for letter in cast("str", self.redis.fcall(FUNCTION, 0, *arguments))]

    # reading

    def user(self, user_id: str) -> UserScore | None:
        """A user's current score, or None for somebody unknown."""
        return self.users([user_id])[0]

    def users(self, user_ids: Sequence[str]) -> list[UserScore | None]:
        """Several at once, in the order asked for."""
        pipe = self.redis.pipeline()  # one transaction: a score and its features are of one moment
        for user_id in user_ids:
            pipe.hgetall(f"churn:user:{user_id}")
            pipe.get(f"churn:features:{user_id}")
        found = pipe.execute()
        return [
            user_score(user_id, score, features) if score else None
            for user_id, score, features in zip(user_ids, found[::2], found[1::2], strict=True)
        ]

    def ranked(self, band: Band | None, limit: int, offset: int = 0) -> list[UserScore]:
        """Active users, highest risk first, of one band or of all."""
        key = f"churn:ranking:{band}" if band else "churn:ranking"
        ids = cast("list[str]", self.redis.zrevrange(key, offset, offset + limit - 1))
        return [found for found in self.users(ids) if found is not None]

    def rank(self, user_id: str) -> tuple[int, int] | None:
        """Place in the ranking, from 1, and how many are ranked; None for a user who is not active."""
        place = cast("int | None", self.redis.zrevrank("churn:ranking", user_id))
        if place is None:
            return None
        return place + 1, self.redis.zcard("churn:ranking")

    def band_sizes(self) -> dict[Band, int]:
        """Active users in each band."""
        bands: tuple[Band, ...] = ("high", "medium", "low")
        return {band: self.redis.zcard(f"churn:ranking:{band}") for band in bands}

    def history(self, user_id: str) -> list[Point]:
        """Points of the last 60 days, oldest first."""
        held = cast("list[str]", self.redis.zrange(f"churn:history:{user_id}", 0, -1))
        return [
            Point(as_of, version, float(p_cancel), float(p_lapse), band)
            for as_of, version, p_cancel, p_lapse, band in map(json.loads, held)
        ]

    def alerts(self, limit: int, offset: int = 0) -> list[Alert]:
        """Alerts, newest first."""
        pipe = self.redis.pipeline(transaction=False)
        for alert_id in cast("list[str]", self.redis.zrevrange("churn:alerts", offset, offset + limit - 1)):
            pipe.hgetall(f"churn:alert:{alert_id}")
        return [typed(Alert, found) for found in pipe.execute() if found]  # one may have grown too old meanwhile

    def due(self, clock: int, limit: int) -> list[tuple[str, int]]:
        """Users whose heartbeat is due by an event clock, and since when, both ms; the longest due first."""
        found = self.redis.zrange("churn:due", 0, clock, byscore=True, offset=0, num=limit, withscores=True)
        return [(user_id, int(since)) for user_id, since in cast("list[tuple[str, float]]", found)]

    def books(self) -> Books:
        """The books of the newest epoch."""
        epoch = cast("str | None", self.redis.get("churn:epoch"))
        found = cast("dict[str, str]", self.redis.hgetall(f"churn:books:{epoch}"))
        return cast("Books", typed(Books, found))

    def horizon_days(self) -> int | None:
        """How far the model looks ahead, None while nobody has said so."""
        found = cast("str | None", self.redis.hget("churn:policy", "horizon_days"))
        return int(found) if found else None

    def clock(self) -> int | None:
        """The event clock in ms: the largest `as_of` seen."""
        found = cast("str | None", self.redis.get("churn:clock"))
        return int(found) if found else None

    def position(self, topic: str, partition: int) -> int:
        """The offset of the scores topic that comes next."""
        return int(cast("str | None", self.redis.hget("churn:offsets", f"{topic}:{partition}")) or 0)

    def silent_until(self, topic: str, partition: int) -> int:
        """The offset before which no alert is raised."""
        return int(cast("str | None", self.redis.hget("churn:silent-until", f"{topic}:{partition}")) or 0)

    def user_ids(self) -> list[str]:
        """Every user in the view, whatever the status. Scans: for tests and checks."""
        prefix = "churn:user:"
        return [key.removeprefix(prefix) for key in self.redis.scan_iter(f"{prefix}*", count=1000)]


def durability_problems(client: redis.Redis) -> list[str]:
    """What in the server's configuration would lose data; empty when all is well."""
    wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
    held = cast("dict[str, str]", client.config_get(*wanted))
    return [f"{name} is {held.get(name)}, not {value}" for name, value in wanted.items() if held.get(name) != value]
