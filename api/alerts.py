"""Alerts: the list of them, and one."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import cursor as cursors
from api import examples
from api.access import needs
from api.alert_answers import Alert
from api.answers import answers
from api.context import Context, Wired
from api.cursor import Cursor
from api.problems import ProblemError
from api.times import Instant, parsed
from churn.features import Driver, Level
from churn.outcomes import Outcome
from churn.view_records import AlertKind

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], dependencies=[needs("read")])

CHUNK = 200
LOOKED_AT = 5000
"""Alerts looked at for one page: a filter that few pass gives a short page and the cursor to go on."""


class AlertList(BaseModel):
    """A page of alerts."""

    alerts: list[Alert]
    next: str | None = Field(description="cursor of the next page, null when there is none; a page may be short")


class Filters(BaseModel):
    """Which alerts are wanted, and which page of them; what is left out leaves none out. Times come in ms."""

    user_id: str | None = Field(None, max_length=256, description="only about this user")
    kind: AlertKind | None = Field(None, description="only of this kind")
    driver: Driver | None = Field(None, description="only where this driver raises the risk most")
    outcome: Outcome | None = Field(None, description="only where this weighs more")
    level: Level | None = Field(None, description="only about users on this plan")
    since: Instant | None = Field(None, description="only raised from then on, RFC 3339")
    until: Instant | None = Field(None, description="only raised up to then, RFC 3339")
    limit: int = Field(50, ge=1, le=1000, description="at most so many")
    cursor: Cursor = None

    def fits(self, alert: dict[str, Any]) -> bool:
        """Whether an alert is wanted."""
        wanted = {name: getattr(self, name) for name in ("user_id", "kind", "driver", "outcome", "level")}
        raised = parsed(alert["raised_at"])
        return (
            all(value is None or alert[name] == value for name, value in wanted.items())
            and (self.since is None or raised >= self.since)
            and (self.until is None or raised <= self.until)
        )


@router.get("", responses=answers("invalid-request", example=examples.ALERTS))
def newest_alerts(context: Wired, filters: Annotated[Filters, Query()]) -> AlertList:
    """Alerts, newest first."""
    before = cursors.read(filters.cursor, int)[0] if filters.cursor else None
    found, place = page(context, filters, before, filters.limit)
    return AlertList(alerts=[Alert(**alert) for alert in found], next=None if place is None else cursors.written(place))


def page(context: Context, filters: Filters, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Some alerts, and the place of the last one that was looked at; None at the end."""
    found: list[dict[str, Any]] = []
    view, user_id = context.view, filters.user_id
    horizon_days = view.horizon_days()
    look = view.alert_ids if user_id is None else partial(view.alert_ids_of, user_id)
    for _ in range(LOOKED_AT // CHUNK):
        places = dict(look(before, CHUNK))
        for alert in context.alert_words.told(view.alerts_of(list(places)), horizon_days):
            if filters.fits(alert):
                found.append(alert)
                if len(found) == limit:
                    return found, places[alert["id"]]
        if len(places) < CHUNK:
            return found, None
        before = min(places.values())
    return found, before


@router.get("/{alert_id}", responses=answers("unknown-alert", example=examples.ALERT))
def one_alert(context: Wired, alert_id: str) -> Alert:
    """One alert."""
    held = context.view.alerts_of([alert_id])
    if not held:
        raise ProblemError("unknown-alert", f"There is no alert {alert_id[:64]}.")
    return Alert(**context.alert_words.told(held, context.view.horizon_days())[0])
