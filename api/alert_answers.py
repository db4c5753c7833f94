"""Alerts as the API tells of them, and how they are put into words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from api.explainers import Explainers
from api.risks import main_driver
from api.times import rfc3339
from api.user_answers import ReasonAnswer, Timestamp, told
from churn import view
from churn.explain import Reason
from churn.features import NAMES, Driver
from churn.outcomes import Band, Outcome
from churn.view_records import AlertKind

KEPT = 5000
"""Alerts whose reasons are held: they never change."""


class Alert(BaseModel):
    """Somebody should be called."""

    id: str
    user_id: str
    kind: AlertKind = Field(description="band: entered the high band; rise: the risk grew fast, whatever the band")
    band: Band
    from_band: Band = Field(description="the band before; none for somebody who came back")
    risk: float
    p_cancel: float
    p_lapse: float
    rise: float = Field(description="how far the risk is above its lowest point of the policy's rise_days before")
    outcome: Outcome = Field(description="which of the two weighs more")
    driver: Driver | None = Field(description="what raises the risk most; null when nothing does, or without its model")
    reasons: list[ReasonAnswer] | None = Field(description="null when its model is not at hand")
    summary: str = Field(description="the alert in plain words")
    level: str
    as_of: Timestamp = Field(description="the moment that the score describes")
    raised_at: Timestamp = Field(description="by the wall clock")
    model_version: str


class AlertWords:
    """Tells alerts: with their reasons, which it holds, and in words.

    Args:
        explainers: of the models.
    """

    def __init__(self, explainers: Explainers) -> None:
        self._explainers = explainers
        self._held: dict[str, list[Reason]] = {}
        self._lock = threading.Lock()

    def told(self, alerts: Sequence[view.Alert], horizon_days: int | None) -> list[dict[str, Any]]:
        """The members of an :class:`Alert`, of each."""
        reasons = self._reasons_of(alerts)
        return [_told(alert, reasons.get(alert.id), horizon_days) for alert in alerts]

    def _reasons_of(self, alerts: Sequence[view.Alert]) -> dict[str, list[Reason]]:
        """By the alert's id; of these alerts none is missing because others took its place."""
        with self._lock:
            held = {alert.id: self._held[alert.id] for alert in alerts if alert.id in self._held}
        found = self._explained([alert for alert in alerts if alert.id not in held])
        with self._lock:
            self._held |= found
            for old in list(self._held)[:-KEPT]:
                del self._held[old]
        return held | found

    def _explained(self, alerts: list[view.Alert]) -> dict[str, list[Reason]]:
        """All of one model in one run; without its model an alert is tried again the next time."""
        by_model: dict[str, list[view.Alert]] = {}
        for alert in alerts:
            if len(alert.features) == len(NAMES):
                by_model.setdefault(alert.model_version, []).append(alert)
        found: dict[str, list[Reason]] = {}
        for version, some in by_model.items():
            explainer = self._explainers.of(version)
            if explainer is not None:
                reasons = explainer.reasons_of([(alert.features, None) for alert in some])
                found |= {alert.id: each for alert, each in zip(some, reasons, strict=True)}
        return found


def _told(alert: view.Alert, reasons: list[Reason] | None, horizon_days: int | None) -> dict[str, Any]:
    return {
        "id": alert.id,
        "user_id": alert.user_id,
        "kind": alert.kind,
        "band": alert.band,
        "from_band": alert.from_band,
        "risk": alert.risk,
        "p_cancel": alert.p_cancel,
        "p_lapse": alert.p_lapse,
        "rise": alert.rise,
        "outcome": outcome(alert),
        "driver": main_driver(reasons),
        "reasons": None if reasons is None else told(reasons),
        "summary": f"User {alert.user_id}, {story(alert, horizon_days, reasons)}",
        "level": alert.level,
        "as_of": rfc3339(alert.as_of),
        "raised_at": rfc3339(alert.raised_ms),
        "model_version": alert.model_version,
    }


def outcome(alert: view.Alert) -> Outcome:
    """Which of the two weighs more; cancelling at a tie, being the one that cannot be undone."""
    return "cancel" if alert.p_cancel >= alert.p_lapse else "lapse"


def story(alert: view.Alert, horizon_days: int | None, reasons: list[Reason] | None = None) -> str:
    """The alert in words, after the user's name.

    Args:
        alert: of the view.
        horizon_days: of the model; left out of the words while it is not known.
        reasons: the largest that raises the risk is told.
    """
    within = "" if horizon_days is None else f" within {horizon_days} days"
    ways = {
        "cancel": f"{percent(alert.p_cancel)} by cancelling",
        "lapse": f"{percent(alert.p_lapse)} by falling silent",
    }
    first = outcome(alert)
    second = "lapse" if first == "cancel" else "cancel"
    chances = f"{percent(alert.risk)} to leave{within}, {ways[first]} and {ways[second]}"
    driver = main_driver(reasons)
    why = next((f"; {reason.words}" for reason in reasons or [] if reason.driver == driver), "")
    return f"on the {alert.level} plan, {_happened(alert)}: {chances}{why}."


def _happened(alert: view.Alert) -> str:
    if alert.kind == "rise":
        return f"is {percent(alert.rise)} more likely to leave than lately"
    if alert.from_band == "none":
        return "came back at high risk"
    return "stays at high risk" if alert.from_band == "high" else f"rose from {alert.from_band} to high risk"


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 in per cent, with the narrow space that cannot break: `61 %`."""
    return f"{share * 100:.{digits}f}\N{NARROW NO-BREAK SPACE}%"
