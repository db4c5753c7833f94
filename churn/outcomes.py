"""Outcomes, status, bands and the alert policy: pure decisions, no I/O.

`view_decisions.lua` takes the same decisions inside Redis; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from churn.settings import DAY_MS, Policy

_HOUR_MS = 3_600_000

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
        outage_ms: where nobody has a score for so long, by the event clock, the whole platform was away.
        hold_ms: event time after that during which nobody enters the high band for lapsing.
        rise: growth of the risk that is worth an alert whatever the band; 0 for none.
        rise_ms: event time within which it has to grow so much.
    """

    medium: float
    high: float
    exit_ratio: float
    cool_down_ms: int
    outage_ms: int
    hold_ms: int
    rise: float = 0.0
    rise_ms: int = 7 * DAY_MS

    @classmethod
    def of(cls, chosen: Policy, medium: float, high: float) -> AlertPolicy:
        """The policy of the settings, with these thresholds."""
        return cls(
            medium=medium,
            high=high,
            exit_ratio=chosen.exit_ratio,
            cool_down_ms=round(chosen.cool_down_days * DAY_MS),
            outage_ms=round(chosen.outage_hours * _HOUR_MS),
            hold_ms=round(chosen.hold_days * DAY_MS),
            rise=chosen.rise or 0.0,
            rise_ms=round(chosen.rise_days * DAY_MS),
        )

    def band(self, risk: float, before: Band, now: Status, waits: bool = False) -> Band:
        """The band of a score.

        Args:
            risk: of the score.
            before: the band of the score before it.
            now: the status.
            waits: does not enter the high band, because the risk is one of lapsing and the platform was away lately.
        """
        if now != "active":
            return "none"
        if risk >= self.high or (before == "high" and risk >= self.high * self.exit_ratio):
            return "medium" if waits and before != "high" else "high"
        if risk >= self.medium or (before in ("medium", "high") and risk >= self.medium * self.exit_ratio):
            return "medium"
        return "low"

    def alerts(self, before: Band, after: Band, as_of_ms: int, alerted_at_ms: int | None) -> bool:
        """Whether entering `after` is worth an alert."""
        rested = alerted_at_ms is None or as_of_ms - alerted_at_ms >= self.cool_down_ms
        return after == "high" and before != "high" and rested


@dataclass(frozen=True)
class HeartbeatPolicy:
    """How often somebody from whom nothing comes is looked at again.

    Attributes:
        interval_ms: event time since the last score.
        lapsed_interval_ms: the same of somebody who has lapsed.
    """

    interval_ms: int
    lapsed_interval_ms: int
