"""Alerts, and how they are put into words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.context import Wired
from api.problems import documented
from api.times import rfc3339
from api.users import Timestamp
from churn import view
from churn.outcomes import Band, Outcome

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class Alert(BaseModel):
    """A user entered the high band."""

    id: str
    user_id: str
    band: Band
    from_band: Band = Field(description="the band before; none for somebody who came back")
    risk: float
    p_cancel: float
    p_lapse: float
    outcome: Outcome = Field(description="which of the two weighs more")
    summary: str = Field(description="the alert in plain words")
    level: str
    as_of: Timestamp = Field(description="the moment that the score describes")
    raised_at: Timestamp = Field(description="by the wall clock")
    model_version: str


class AlertList(BaseModel):
    """The newest alerts."""

    alerts: list[Alert]


_EXAMPLE = {
    "alerts": [
        {
            "id": "alert_0f1e2d3c4b5a69788796a5b4",
            "user_id": "1045",
            "band": "high",
            "from_band": "medium",
            "risk": 0.61,
            "p_cancel": 0.48,
            "p_lapse": 0.13,
            "outcome": "cancel",
            "summary": "User 1045, on the paid plan, rose from medium to high risk: 61 % to leave within "
            "14 days, 48 % by cancelling and 13 % by falling silent.",
            "level": "paid",
            "as_of": "2018-10-28T09:12:44.000Z",
            "raised_at": "2018-10-28T09:12:44.031Z",
            "model_version": "20181101-4f2a91c0",
        }
    ]
}


@router.get("", responses=documented(422, 500, 503, example=_EXAMPLE))
def newest_alerts(
    context: Wired, limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 50
) -> AlertList:
    """Alerts, newest first."""
    horizon_days = context.view.horizon_days()
    return AlertList(alerts=[_alert(alert, horizon_days) for alert in context.view.alerts(limit)])


def _alert(alert: view.Alert, horizon_days: int | None) -> Alert:
    return Alert(
        id=alert.id,
        user_id=alert.user_id,
        band=alert.band,
        from_band=alert.from_band,
        risk=alert.risk,
        p_cancel=alert.p_cancel,
        p_lapse=alert.p_lapse,
        outcome=outcome(alert),
        summary=f"User {alert.user_id}, {story(alert, horizon_days)}",
        level=alert.level,
        as_of=rfc3339(alert.as_of),
        raised_at=rfc3339(alert.raised_ms),
        model_version=alert.model_version,
    )


def outcome(alert: view.Alert) -> Outcome:
    """Which of the two weighs more; cancelling at a tie, being the one that cannot be undone."""
    return "cancel" if alert.p_cancel >= alert.p_lapse else "lapse"


def story(alert: view.Alert, horizon_days: int | None) -> str:
    """The alert in words, after the user's name.

    Args:
        alert: of the view.
        horizon_days: of the model; left out of the words while it is not known.
    """
    within = "" if horizon_days is None else f" within {horizon_days} days"
    ways = {
        "cancel": f"{percent(alert.p_cancel)} by cancelling",
        "lapse": f"{percent(alert.p_lapse)} by falling silent",
    }
    first = outcome(alert)
    second = "lapse" if first == "cancel" else "cancel"
    rose = "came back at high risk" if alert.from_band == "none" else f"rose from {alert.from_band} to high risk"
    return (
        f"on the {alert.level} plan, {rose}: {percent(alert.risk)} to leave{within}, {ways[first]} and {ways[second]}."
    )


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 in per cent, with the narrow space that cannot break: `61 %`."""
    return f"{share * 100:.{digits}f}\N{NARROW NO-BREAK SPACE}%"
