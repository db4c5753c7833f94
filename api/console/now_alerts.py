"""The newest alerts, and how many there were in the last day of event time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from api.console.moments import Moment, since
from api.console.user_alerts import without_user
from api.context import Context
from churn.outcomes import Outcome
from churn.settings import DAY_MS
from churn.spread import HOUR_MS
from churn.view import View

SHOWN = 8
AT_ONCE = 250
MOST = 1000
"""Alerts looked at for the count of the day."""
KEEP_S = 1.0


@dataclass(frozen=True)
class Line:
    """One alert.

    Attributes:
        place: in the order in which alerts were shown.
        user_id: whom it is about.
        outcome: which weighs more.
        story: what happened and why, as a sentence.
        driver: what raises the risk most; None when nothing does, or its model is not at hand.
        at: when, by the event clock.
    """

    place: int
    user_id: str
    outcome: Outcome
    story: str
    driver: str | None
    at: Moment


def newest(context: Context, clock_ms: int | None, horizon_days: int | None) -> list[Line]:
    """The newest first.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    places = dict(context.view.alert_ids(None, SHOWN))
    alerts = context.view.alerts_of(list(places))
    lines = []
    for alert, told in zip(alerts, context.alert_words.told(alerts, horizon_days), strict=True):
        story = without_user(str(told["summary"]), alert.user_id)
        at = since(alert.as_of, clock_ms)
        lines.append(Line(places[alert.id], alert.user_id, told["outcome"], story, told["driver"], at))
    return lines


@dataclass(frozen=True)
class Counted:
    """How many alerts there were, by event time.

    Attributes:
        hour: in the last hour.
        day: in the last 24.
        is_all: whether every one of the day was looked at; else there may be more.
        is_hour_all: the same of the hour.
        known_hours: how much of the day is known, as far as the remembered spreads and the alerts that were looked at
            tell; at least 1.
    """

    hour: int
    day: int
    is_all: bool
    is_hour_all: bool
    known_hours: float


def known(context: Context, clock_ms: int, since_ms: int | None) -> Counted:
    """The counts, at most about :data:`KEEP_S` old: to look at so many alerts for each reader is most of the page.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    return context.remembered.get("alerts", KEEP_S, lambda: counted(context.view, clock_ms, since_ms)).value


def counted(view: View, clock_ms: int, since_ms: int | None) -> Counted:
    """Counts back from the newest until all that are met are older than a day.

    Args:
        view: to be read.
        clock_ms: the event clock.
        since_ms: event time from which on something is known of the past; None while that is nothing.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    known_hours = min(24.0, max(1.0, (clock_ms - (clock_ms if since_ms is None else since_ms)) / HOUR_MS))
    hour = day = oldest_ms = 0
    is_hour_all = False
    for begin in range(0, MOST, AT_ONCE):
        ids = cast("list[str]", view.redis.zrevrange("churn:alerts", begin, begin + AT_ONCE - 1))
        pipe = view.redis.pipeline(transaction=False)
        for alert_id in ids:
            pipe.hget(f"churn:alert:{alert_id}", "as_of")
        ages = [clock_ms - int(as_of) for as_of in pipe.execute() if as_of]
        hour += sum(age < HOUR_MS for age in ages)
        day += sum(age < DAY_MS for age in ages)
        if len(ids) < AT_ONCE or min(ages, default=0) >= DAY_MS:
            return Counted(hour, day, True, True, known_hours)
        is_hour_all = is_hour_all or min(ages, default=0) >= HOUR_MS
        oldest_ms = max(oldest_ms, *ages) if ages else oldest_ms
    return Counted(hour, day, False, is_hour_all, min(known_hours, max(1.0, oldest_ms / HOUR_MS)))
