"""Reads the view: users, ranking, history, alerts, clocks, positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import redis

from churn.outcomes import AlertPolicy, Band
from churn.view_records import (
    USER_FIELDS,
    Alert,
    Books,
    Moment,
    Point,
    UserScore,
    alert,
    moment,
    point,
    typed,
    user_score,
)


class ViewReader:
    """Every method raises `redis.exceptions.RedisError` when Redis is not there.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    def user(self, user_id: str) -> UserScore | None:
        """A user's current score, or None for somebody unknown."""
        return self.users([user_id])[0]

    def users(self, user_ids: Sequence[str]) -> list[UserScore | None]:
        """Several at once, in the order asked for."""
        pipe = self.redis.pipeline()  # one transaction: a score and its features are of one moment
        for user_id in user_ids:
            pipe.hmget(f"churn:user:{user_id}", USER_FIELDS)
            pipe.get(f"churn:features:{user_id}")
        found = pipe.execute()
        return [
            user_score(user_id, score, features)
            for user_id, score, features in zip(user_ids, found[::2], found[1::2], strict=True)
        ]

    def ranked(self, band: Band | None, limit: int, offset: int = 0) -> list[UserScore]:
        """Active users, highest risk first, of one band or of all."""
        key = f"churn:ranking:{band}" if band else "churn:ranking"
        ids = cast("list[str]", self.redis.zrevrange(key, offset, offset + limit - 1))
        return [found for found in self.users(ids) if found is not None]

    def ranked_after(self, band: Band | None, place: tuple[float, str] | None, count: int) -> list[tuple[str, float]]:
        """Ids and risks, highest first, from behind a place on: the risk and the id of somebody, who may have gone."""
        key = f"churn:ranking:{band}" if band else "churn:ranking"
        risk, after = at = (float("inf"), "") if place is None else place
        found: list[tuple[str, float]] = []
        while len(found) < count:
            ranked = self._ranked_from(key, *at, count)
            # Of those with the same risk, Redis goes down by id: who is not below the place has been on a page already.
            found += [each for each in ranked if each[1] < risk or each[0].encode() < after.encode()]
            if len(ranked) < count:
                break
            at = ranked[-1][1], ranked[-1][0]
            if found:
                after, risk = found[-1]
        return found[:count]

    def _ranked_from(self, key: str, risk: float, user_id: str, count: int) -> list[tuple[str, float]]:
        """Whoever comes behind a user who has that risk; if the user has not, or has gone, all from that risk on."""
        rank = cast("int | None", self.redis.zrevrank(key, user_id))
        if rank is not None:
            # The user is read along: only if they still stand there has nobody moved up or down past them meanwhile.
            ranked = cast("list[tuple[str, float]]", self.redis.zrevrange(key, rank, rank + count, withscores=True))
            if ranked[:1] == [(user_id, risk)]:
                return ranked[1:]
        some = self.redis.zrevrangebyscore(key, risk, "-inf", start=0, num=count, withscores=True)
        return cast("list[tuple[str, float]]", some)

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
        return [point(text) for text in cast("list[str]", self.redis.zrange(f"churn:history:{user_id}", 0, -1))]

    def moments(self, user_id: str) -> list[Moment]:
        """Points with all that the model saw, oldest first."""
        return [moment(text) for text in cast("list[str]", self.redis.lrange(f"churn:moments:{user_id}", 0, -1))]

    def alerts(self, limit: int, offset: int = 0) -> list[Alert]:
        """Alerts, newest first."""
        return self.alerts_of(cast("list[str]", self.redis.zrevrange("churn:alerts", offset, offset + limit - 1)))

    def alerts_of(self, alert_ids: Sequence[str]) -> list[Alert]:
        """Alerts by their ids; one that is not there, because it grew too old, is left out."""
        pipe = self.redis.pipeline(transaction=False)
        for alert_id in alert_ids:
            pipe.hgetall(f"churn:alert:{alert_id}")
        return [alert(found) for found in pipe.execute() if found]

    def alert_ids(self, before: int | None, limit: int) -> list[tuple[str, int]]:
        """Ids and places in the order of alerts, newest first, from before a place on."""
        highest = "+inf" if before is None else f"({before}"
        found = self.redis.zrevrangebyscore("churn:alerts", highest, "-inf", start=0, num=limit, withscores=True)
        return [(alert_id, int(place)) for alert_id, place in cast("list[tuple[str, float]]", found)]

    def alert_ids_of(self, user_id: str, before: int | None, limit: int) -> list[tuple[str, int]]:
        """The same of one user."""
        ids = cast("list[str]", self.redis.lrange(f"churn:alerts:of:{user_id}", 0, -1))
        places = self.redis.zmscore("churn:alerts", ids) if ids else []
        # One that waits has no place yet.
        found = [(alert_id, int(place)) for alert_id, place in zip(ids, places, strict=True) if place is not None]
        found.sort(key=lambda each: -each[1])
        return [each for each in found if before is None or each[1] < before][:limit]

    def alert_ids_after(self, after: int, limit: int) -> list[tuple[str, int]]:
        """The same, oldest first, from behind a place on."""
        found = self.redis.zrangebyscore("churn:alerts", f"({after}", "+inf", start=0, num=limit, withscores=True)
        return [(alert_id, int(place)) for alert_id, place in cast("list[tuple[str, float]]", found)]

    def alert_place(self, alert_id: str) -> int | None:
        """Where an alert stands in the order, None if it does not."""
        place = self.redis.zscore("churn:alerts", alert_id)
        return None if place is None else int(place)

    def last_alert_place(self) -> int:
        """The place of the newest alert, also of one that is not there any more; it is smaller after a loss of data."""
        return int(cast("str | None", self.redis.get("churn:alerts:sequence")) or 0)

    def due(self, clock: int, limit: int) -> list[tuple[str, int]]:
        """Users whose heartbeat is due by an event clock, and since when, both ms; the longest due first."""
        found = self.redis.zrange("churn:due", 0, clock, byscore=True, offset=0, num=limit, withscores=True)
        return [(user_id, int(since)) for user_id, since in cast("list[tuple[str, float]]", found)]

    def books(self) -> Books:
        """The books of the newest epoch."""
        epoch = cast("str | None", self.redis.get("churn:epoch"))
        found = cast("dict[str, str]", self.redis.hgetall(f"churn:books:{epoch}"))
        return cast("Books", typed(Books, found))

    def policy(self, model_version: str) -> AlertPolicy:
        """By what the scores of a model are judged; where publish has not said so, by nothing that anybody reaches."""
        for key in (f"churn:policy:{model_version}", "churn:policy"):
            if found := cast("dict[str, str]", self.redis.hgetall(key)):
                return cast("AlertPolicy", typed(AlertPolicy, found))
        return AlertPolicy(1.0, 1.0, 1.0, 0, 0, 0)

    def horizon_days(self) -> int | None:
        """How far the model looks ahead, None while nobody has said so."""
        found = cast("str | None", self.redis.hget("churn:policy", "horizon_days"))
        return int(found) if found else None

    def clock(self) -> int | None:
        """The event clock in ms: the largest `as_of` seen."""
        found = cast("str | None", self.redis.get("churn:clock"))
        return int(found) if found else None

    def held_until(self) -> int:
        """Event time in ms before which nobody enters the high band for lapsing, since the event clock jumped; or 0."""
        return int(cast("str | None", self.redis.hget("churn:hold", "until")) or 0)

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
