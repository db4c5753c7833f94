"""Users as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

from api.alert_answers import percent
from api.console.moments import Moment, now_of, since
from api.risks import Risk
from api.times import ago
from churn.marks import KINDS
from churn.outcomes import Band
from churn.settings import DAY_MS


@dataclass(frozen=True)
class MarkHint:
    """A mark and until when it holds."""

    kind: str
    until: Moment


@dataclass(frozen=True)
class Row:
    """A line of the ranking.

    Attributes:
        user_id: whose.
        risk, cancel, lapse: in per cent.
        cancel_width, lapse_width: per cent of the bar.
        band: of the risk.
        level: the plan.
        driver: what raises the risk most; empty when nothing does, or without the model.
        why: the driver in words.
        marks: those that hold.
        last_event: None when there was none but an outcome's own.
        events: of the user ever.
        cold: known for less than a week.
        scored: how long ago, of a score that is old; empty for others.
    """

    user_id: str
    risk: str
    cancel: str
    lapse: str
    cancel_width: float
    lapse_width: float
    band: Band
    level: str
    driver: str
    why: str
    marks: list[MarkHint]
    last_event: Moment | None
    events: str
    cold: bool
    scored: str


def row(risk: Risk, clock_ms: int | None, stale_days: float) -> Row:
    """A user's row.

    Args:
        risk: what is known.
        clock_ms: the event clock.
        stale_days: from which age on a score is told to be old.
    """
    score = risk.user.score
    reasons = [reason for reason in risk.reasons or [] if reason.driver == risk.driver]
    without = "nothing raises it" if risk.reasons is not None else "its model is not at hand"
    return Row(
        user_id=score.user_id,
        risk=percent(score.risk, 1),
        cancel=percent(score.p_cancel, 1),
        lapse=percent(score.p_lapse, 1),
        cancel_width=round(score.p_cancel * 100, 1),
        lapse_width=round(score.p_lapse * 100, 1),
        band=risk.user.band,
        level=score.level,
        driver=risk.driver or "",
        why=reasons[0].words if reasons else without,
        marks=[MarkHint(kind, now_of(risk.marks[kind].until_ms)) for kind in KINDS if kind in risk.marks],
        last_event=None if score.last_event is None else since(score.last_event, clock_ms),
        events=f"{score.events:,}",
        cold=risk.cold,
        scored=ago(risk.age_ms) if risk.age_ms > stale_days * DAY_MS else "",
    )
