"""Outcomes, status, bands and the alert policy: pure decisions, no I/O.

`view.lua` takes the same decisions inside Redis; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["cancel", "lapse"]
OUTCOMES: tuple[Outcome, ...] = ("cancel", "lapse")

Status = Literal["active", "lapsed", "cancelled"]
Band = Literal["none", "low", "medium", "high"]
BANDS: tuple[Band, ...] = ("none", "low", "medium", "high")


def status(as_of_ms: int, last_event_ms: int | None, cancelled_at_ms: int | None, horizon_ms: int) -> Status:
    """`cancelled` until an event comes after it; `lapsed` once silent for a whole horizon."""
    if cancelled_at_ms is not None and (last_event_ms is None or cancelled_at_ms >= last_event_ms):
        return "cancelled"
    if last_event_ms is not None and as_of_ms - last_event_ms >= horizon_ms:
        return "lapsed"
    return "active"


@dataclass(frozen=True)
class AlertPolicy:
    """When a risk is worth a call.

    Attributes:
        medium: risk at which the medium band is entered.
        high: risk at which the high band is entered; entering it raises an alert.
        exit_ratio: a band is left below its threshold times this, so that a risk that trembles on a
            threshold does not ring twice.
        cool_down_ms: event time that must pass between two alerts about one user.
    """

    medium: float
    high: float
    exit_ratio: float
    cool_down_ms: int

    def band(self, risk: float, before: Band, now: Status) -> Band:
        """The band of a score, given the band before it."""
        if now != "active":
            return "none"
        if risk >= self.high or (before == "high" and risk >= self.high * self.exit_ratio):
            return "high"
        if risk >= self.medium or (before in ("medium", "high") and risk >= self.medium * self.exit_ratio):
            return "medium"
        return "low"

    def alerts(self, before: Band, after: Band, as_of_ms: int, alerted_at_ms: int | None) -> bool:
        """Whether entering `after` is worth an alert."""
        rested = alerted_at_ms is None or as_of_ms - alerted_at_ms >= self.cool_down_ms
        return after == "high" and before != "high" and rested
