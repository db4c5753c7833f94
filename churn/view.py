"""The view of the scores in Redis: its keys and its writer; `churn.view_reader` reads. The Lua files beside it do the
writing inside Redis.

The view, all keys under `churn:`:

========================== ====== =============================================================
`churn:schema`             string version of this layout, :data:`SCHEMA`
`churn:user:ID`            hash   the newest score of a user, and its band
`churn:features:ID`        string its raw feature values, as :mod:`churn.view_features` packs them
`churn:ranking`            zset   active users by risk
`churn:ranking:BAND`       zset   the same, of one band
`churn:due`                zset   users that are not cancelled, by the event time of their next heartbeat
`churn:history:ID`         zset   points `[as_of, version, p_cancel, p_lapse, band]` by `as_of`; 60 days
`churn:moments:ID`         list   some points with all features: `as_of,version,model,features`; the last 16
`churn:alerts`             zset   ids of alerts in the order in which they were shown; a year of event time
`churn:alerts:waiting`     zset   ids of alerts that quiet hours keep back, by the wall clock when they end, ms
`churn:alerts:of:ID`       list   ids of a user's alerts, oldest first
`churn:alerts:sequence`    string the place of the newest alert in that order
`churn:alert:ID`           hash   one alert
`churn:policy`             hash   of the model in use: thresholds, :class:`AlertPolicy`; its `horizon_days`; its card's
                                  thresholds, which :mod:`churn.chosen_policy` writes
`churn:policy:MODEL`       hash   thresholds for the scores of one model, which may be an older one
`churn:heartbeats`         hash   how often the silent are looked at, :class:`HeartbeatPolicy`
`churn:offsets`            hash   `topic:partition` to the offset that comes next
`churn:silent-until`       hash   `topic:partition` to the offset before which no alert is raised: a rebuild
`churn:books:EPOCH`        hash   what the records of an epoch came to, :class:`Books`
`churn:epoch`              string the newest epoch seen
`churn:rebanding`          string there while bands are set anew by another policy: publishing waits
`churn:clock`              string the event clock: the largest `as_of` seen, ms
`churn:hold`               hash   event time, ms, since and until when alerts for lapsing wait after an outage
========================== ====== =============================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal, cast

import redis

from churn import clients
from churn.connections import Redis
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.view_features import TABLE
from churn.view_function import FUNCTION, call_arguments, function_code
from churn.view_layouts import take_over
from churn.view_reader import ViewReader
from churn.view_records import Alert, Books, Erased, Moment, Point, UserScore

__all__ = [
    "SCHEMA", "Alert", "Books", "Erased", "Moment", "Point", "UserScore", "Verdict", "View", "durability_problems"
]  # fmt: skip

SCHEMA = f"4-{TABLE}"
"""The layout, and the feature table by which values are packed."""
Verdict = Literal["applied", "stale", "passed"]
"""Of a record: it is its user's newest score now; the view had a newer one; the stored position was behind it."""

_VERDICTS: dict[str, Verdict] = {"a": "applied", "s": "stale", "p": "passed"}


_OF_BANDS = ("medium", "high", "exit_ratio")

_OF_SCORES = (
    "churn:offsets",  # first: from here on a publisher would begin anew
    "churn:user:*", "churn:features:*", "churn:history:*", "churn:moments:*", "churn:ranking", "churn:ranking:*",
    "churn:due",
    "churn:books:*", "churn:epoch", "churn:clock", "churn:hold",
)  # fmt: skip


class View(ViewReader):
    """Reads and writes the view. Every method raises `redis.exceptions.RedisError` when Redis is not there."""

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
        if written in ("1", "2", f"3-{TABLE}"):
            take_over(self.redis, written)
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
        """Sets the policy for the scores of one model; without its own it is judged by the one in use.

        Where that moves a threshold, nothing can be published until :meth:`reband` has set the bands anew: otherwise
        whoever is between the old threshold and the new one would raise an alert without having changed.
        """
        key, rules = f"churn:policy:{model_version}", asdict(policy)
        held = cast("list[str | None]", self.redis.hmget(key, _OF_BANDS))
        pipe = self.redis.pipeline()
        pipe.hset(key, mapping=cast("dict[Any, Any]", rules))
        if held[0] is not None and held != [str(rules[name]) for name in _OF_BANDS]:
            pipe.set("churn:rebanding", 1)
        pipe.execute()

    def known_models(self) -> list[str]:
        """The models whose scores have a policy of their own."""
        prefix = "churn:policy:"
        return sorted(key.removeprefix(prefix) for key in self.redis.scan_iter(f"{prefix}*", count=1000))

    def reband(self) -> int:
        """Sets all bands anew, without an alert, if a policy was changed; returns how many users were looked at.

        One that was interrupted is done anew by the next call, of whichever program.
        """
        if not self.redis.exists("churn:rebanding"):
            return 0
        users, ids = 0, (user_id for user_id, _ in self.redis.zscan_iter("churn:ranking", count=1000))
        while some := list(itertools.islice(ids, 1000)):
            users += int(cast("int", self.redis.fcall("churn_reband", 0, *some)))
        self.redis.delete("churn:rebanding")
        return users

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
        self,
        topic: str,
        records: Iterable[tuple[int, int, Score]],
        wall_ms: int,
        read: Mapping[int, tuple[int, int]],
        quiet_until_ms: int | None = None,
        forgotten: int = 0,
    ) -> list[Verdict]:
        """Applies records in order, and the positions behind them, in one atomic call.

        Args:
            topic: name of the scores topic.
            records: partition, offset and score.
            wall_ms: the wall clock.
            read: of every partition that was read, the offset from which it was, and the one that comes next;
                records between them may be missing.
            quiet_until_ms: until when alerts are kept back, by the wall clock; None while they are not.
            forgotten: how many markers of forgotten users the caller knows, whose records it has left out.

        Returns:
            What became of each record.

        Raises:
            redis.ResponseError: nothing was applied. POSITION: the view does not hold what is before that offset,
                because Redis went back in time. FORGOTTEN: there are other markers than the caller knows. REBANDING:
                :meth:`reband` comes first.
        """
        arguments = call_arguments(topic, records, wall_ms, read, quiet_until_ms, forgotten)
        return [_VERDICTS[letter] for letter in cast("str", self.redis.fcall(FUNCTION, 0, *arguments))]

    def release(self, wall_ms: int) -> int:
        """Shows the alerts that quiet hours have kept back until now; returns how many."""
        return int(cast("int", self.redis.fcall("churn_release", 0, wall_ms)))

    def held(self, user_id: str) -> Erased:
        """What :meth:`forget` would erase now."""
        pipe = self.redis.pipeline()
        pipe.exists(f"churn:user:{user_id}")
        pipe.zcard(f"churn:history:{user_id}")
        pipe.llen(f"churn:moments:{user_id}")
        pipe.exists(f"churn:marks:{user_id}")
        pipe.lrange(f"churn:alerts:of:{user_id}", 0, -1)
        user, points, moments, marks, alerts = pipe.execute()
        pipe = self.redis.pipeline(transaction=False)
        for alert in alerts:
            pipe.smembers(f"churn:deliveries:of:{alert}")
        of_alerts = [f"churn:delivery:{each}" for some in pipe.execute() for each in some]
        deliveries = self.redis.exists(*of_alerts) if of_alerts else 0
        return Erased(user, points, moments, marks, tuple(alerts), deliveries)

    def forget(self, user_id: str, marker: str = "") -> Erased:
        """Erases all that the view has of a user, and what webhooks tell of them; with a marker keeps them from
        coming back."""
        user, points, moments, marks, alerts, deliveries = cast(
            "tuple[int, int, int, int, list[str], int]", self.redis.fcall("churn_forget", 0, user_id, marker)
        )
        return Erased(user, points, moments, marks, tuple(alerts), deliveries)


def durability_problems(client: redis.Redis) -> list[str]:
    """What in the server's configuration would lose data; empty when all is well."""
    wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
    held = cast("dict[str, str]", client.config_get(*wanted))
    return [f"{name} is {held.get(name)}, not {value}" for name, value in wanted.items() if held.get(name) != value]
