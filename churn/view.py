"""The view of the scores in Redis: its keys, its writer, its reader. `view.lua` beside it does the writing.

The view, all keys under `churn:`:

========================== ====== =============================================================
`churn:schema`             string version of this layout, :data:`SCHEMA`
`churn:user:ID`            hash   the newest score of a user, its band, its raw feature values (JSON)
`churn:ranking`            zset   active users by risk
`churn:ranking:BAND`       zset   the same, of one band
`churn:last-seen`          zset   users that are not cancelled, by the `as_of` of their score
`churn:history:ID`         zset   points `[as_of, version, p_cancel, p_lapse, risk, band]` by `as_of`
`churn:alerts`             zset   alert ids in the order in which they were raised
`churn:alert:ID`           hash   one alert
`churn:policy`             hash   thresholds, exit ratio, cool-down
`churn:offsets`            hash   `topic:partition` to the offset that comes next
`churn:books:EPOCH`        hash   what the records of an epoch came to, :class:`Books`
`churn:epoch`              string the newest epoch seen
`churn:clock`              string the event clock: the largest `as_of` seen, ms
========================== ====== =============================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import redis

from churn.errors import ChurnError
from churn.outcomes import AlertPolicy, Band
from churn.scores import Score

SCHEMA = "1"
FUNCTION = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class UserScore:
    """A user's current score with what the view knows beside it."""

    score: Score
    band: Band
    band_since: int
    published_ms: int


@dataclass(frozen=True)
class Point:
    """One moment of a user's history."""

    as_of: int
    version: int
    p_cancel: float
    p_lapse: float
    risk: float
    band: Band


@dataclass(frozen=True)
class Alert:
    """A user entered the high band."""

    id: str
    user_id: str
    band: Band
    from_band: Band
    risk: float
    p_cancel: float
    p_lapse: float
    level: str
    as_of: int
    raised_ms: int
    epoch: int
    version: int
    model_version: str


@dataclass(frozen=True)
class Books:
    """What the score records of one epoch came to.

    Attributes:
        scores: records that became a user's newest score.
        events_scored: events that came through the stream.
        events_opened: events that openings brought.
        heartbeats: heartbeats that were scored.
        alerts: alerts raised.
        stale: records older than the score that the view already had.
        users: users with at least one score.
    """

    scores: int = 0
    events_scored: int = 0
    events_opened: int = 0
    heartbeats: int = 0
    alerts: int = 0
    stale: int = 0
    users: int = 0


class View:
    """Reads and writes the view. Every method raises `redis.exceptions.RedisError` when Redis is not there."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    @classmethod
    def connect(cls, url: str) -> View:
        """Opens a view; the connection itself is made at the first command."""
        return cls(redis.Redis.from_url(url, decode_responses=True, socket_timeout=10, socket_connect_timeout=5))

    # writing

    def prepare(self, policy: AlertPolicy) -> None:
        """Loads the publish function and sets the policy.

        Raises:
            ChurnError: the view was written by another release.
        """
        written = cast("str | None", self.redis.set("churn:schema", SCHEMA, nx=True, get=True))
        if written not in (None, SCHEMA):
            raise ChurnError(
                f"Redis holds a view of layout {written}; this release writes layout {SCHEMA}.",
                "Empty that Redis database, or name another one in the setting redis.url.",
            )
        self.redis.function_load(FUNCTION.read_text(), replace=True)
        self.redis.hset("churn:policy", mapping=cast("dict[Any, Any]", asdict(policy)))

    def publish(
        self,
        topic: str,
        records: Iterable[tuple[int, int, Score]],
        wall_ms: int,
        read_to: Mapping[int, int] = MappingProxyType({}),
    ) -> tuple[int, int]:
        """Applies records in order, and the position behind them, in one atomic call.

        Args:
            topic: name of the scores topic.
            records: partition, offset and score.
            wall_ms: the wall clock.
            read_to: the offset that comes next, by partition, where no record is to be applied up to there.

        Returns:
            How many records were looked at, and how many the stored position had already passed.
        """
        arguments: list[str | int | float] = [wall_ms, topic, len(read_to)]
        for partition, position in read_to.items():
            arguments += [partition, position]
        for partition, offset, score in records:
            arguments += _arguments(partition, offset, score)
        applied, passed = cast("list[int]", self.redis.fcall("churn_publish", 0, *arguments))
        return applied, passed

    # reading

    def user(self, user_id: str) -> UserScore | None:
        """A user's current score, or None for somebody unknown."""
        found = cast("dict[str, str]", self.redis.hgetall(f"churn:user:{user_id}"))
        return _user_score(user_id, found) if found else None

    def users(self, user_ids: Sequence[str]) -> list[UserScore | None]:
        """Several at once, in the order asked for."""
        pipe = self.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hgetall(f"churn:user:{user_id}")
        return [_user_score(i, found) if found else None for i, found in zip(user_ids, pipe.execute(), strict=True)]

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
        return [
            Point(int(p[0]), int(p[1]), float(p[2]), float(p[3]), float(p[4]), p[5])
            for p in map(json.loads, cast("list[str]", self.redis.zrange(f"churn:history:{user_id}", 0, -1)))
        ]

    def alerts(self, limit: int, offset: int = 0) -> list[Alert]:
        """Alerts, newest first."""
        pipe = self.redis.pipeline(transaction=False)
        for alert_id in cast("list[str]", self.redis.zrevrange("churn:alerts", offset, offset + limit - 1)):
            pipe.hgetall(f"churn:alert:{alert_id}")
        return [_typed(Alert, found) for found in pipe.execute()]

    def books(self) -> Books:
        """The books of the newest epoch."""
        epoch = cast("str | None", self.redis.get("churn:epoch"))
        found = cast("dict[str, str]", self.redis.hgetall(f"churn:books:{epoch}"))
        return cast("Books", _typed(Books, found))

    def clock(self) -> int | None:
        """The event clock in ms: the largest `as_of` seen."""
        found = cast("str | None", self.redis.get("churn:clock"))
        return int(found) if found else None

    def position(self, topic: str, partition: int) -> int:
        """The offset of the scores topic that comes next."""
        return int(cast("str | None", self.redis.hget("churn:offsets", f"{topic}:{partition}")) or 0)

    def user_ids(self) -> list[str]:
        """Every user in the view, whatever the status. Scans: for tests and checks."""
        prefix = "churn:user:"
        return [key.removeprefix(prefix) for key in self.redis.scan_iter(f"{prefix}*", count=1000)]


def durability_problems(client: redis.Redis) -> list[str]:
    """What in the server's configuration would lose data; empty when all is well."""
    wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
    held = cast("dict[str, str]", client.config_get(*wanted))
    return [f"{name} is {held.get(name)}, not {value}" for name, value in wanted.items() if held.get(name) != value]


def _arguments(partition: int, offset: int, score: Score) -> list[str | int | float]:
    """A record as the publish function of `view.lua` takes it."""
    return [
        partition, offset, score.user_id, score.epoch, score.version, score.as_of, _blank(score.last_event),
        score.events, score.opened, score.heartbeats, score.level, score.status, repr(score.p_cancel),
        repr(score.p_lapse), repr(score.risk), score.model_version, _blank(score.received_ms),
        json.dumps(score.features, separators=(",", ":")),
    ]  # fmt: skip


def _blank(value: int | None) -> int | str:
    return "" if value is None else value


def _user_score(user_id: str, found: Mapping[str, str]) -> UserScore:
    record: dict[str, Any] = {**found, "user_id": user_id, "features": json.loads(found["features"])}
    return UserScore(
        score=_typed(Score, record),
        band=cast(Band, found["band"]),
        band_since=int(found["band_since"]),
        published_ms=int(found["published_ms"]),
    )


_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "int | None": lambda text: int(text) if text != "" else None,
}


def _typed(kind: Callable[..., Any], found: Mapping[str, Any]) -> Any:
    """A dataclass out of a hash, whose values are all text."""
    known = {field.name: str(field.type) for field in fields(cast("Any", kind)) if field.name in found}
    return kind(
        **{name: _READERS[type_](found[name]) if type_ in _READERS else found[name] for name, type_ in known.items()}
    )
