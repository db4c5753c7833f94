"""One user's header: who it is and how they stand now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.alert_answers import percent
from api.console.durations import lasting
from api.console.moments import Moment, now_of, since
from api.risks import Risk
from api.user_answers import whole
from churn.marks import KINDS, Kind
from churn.outcomes import Band, Status
from churn.scores import Score
from churn.settings import DAY_MS

ENDING: dict[Kind, str] = {"snoozed": "snooze", "acknowledged": "acknowledge"}
"""The last segment of the address at which a mark is set and ended."""


@dataclass(frozen=True)
class MarkLine:
    """A mark that holds."""

    kind: Kind
    ending: str
    means: str
    until: Moment
    at: Moment
    by: str
    note: str


@dataclass(frozen=True)
class Standing:
    """A user now.

    Attributes:
        user_id: whose.
        band: of the risk, `none` for somebody who is not ranked.
        status: whether the user is still there.
        flags: sentences about what has to be known with the score.
        risk, cancel, lapse: in per cent.
        within: how far the model looks ahead; empty while that is not known.
        cancel_width, lapse_width: per cent of the bar.
        rank: place in the ranking; empty for somebody who is not ranked.
        above: the share of ranked users who are placed below, in words; empty likewise.
        band_since, last_event, scored: times; None for an event that was never seen.
        events, level, model: of the score.
        marks: those that hold.
    """

    user_id: str
    band: Band
    status: Status
    flags: list[str]
    risk: str
    cancel: str
    lapse: str
    within: str
    cancel_width: float
    lapse_width: float
    rank: str
    above: str
    band_since: Moment
    last_event: Moment | None
    scored: Moment
    events: str
    level: str
    model: str
    marks: list[MarkLine]


def standing(risk: Risk, clock_ms: int | None, stale_days: float, horizon_days: int | None) -> Standing:
    """How a user stands.

    Args:
        risk: what is known.
        clock_ms: the event clock.
        stale_days: from which age on a score is told to be old.
        horizon_days: of the model.
    """
    score = risk.user.score
    return Standing(
        user_id=score.user_id,
        band=risk.user.band,
        status=score.status,
        flags=_flags(risk, stale_days, horizon_days),
        within="" if horizon_days is None else f"within {horizon_days} days",
        rank="" if risk.rank is None else f"{risk.rank:,} of {risk.ranked:,}",
        above=_above(risk, stale_days),
        band_since=since(risk.user.band_since, clock_ms),
        last_event=None if score.last_event is None else since(score.last_event, clock_ms),
        scored=since(score.as_of, clock_ms),
        events=f"{score.events:,}",
        level=score.level,
        model=score.model_version,
        marks=_marks(risk),
        **_chances(score),
    )


def _chances(score: Score) -> dict[str, Any]:
    return {
        "risk": percent(score.risk, 1),
        "cancel": percent(score.p_cancel, 1),
        "lapse": percent(score.p_lapse, 1),
        "cancel_width": round(score.p_cancel * 100, 1),
        "lapse_width": round(score.p_lapse * 100, 1),
    }


def _above(risk: Risk, stale_days: float) -> str:
    share = whole(risk, stale_days)["percentile"]
    return "" if share is None else f"at or above {percent(share)} of the ranked"


_MEANS: dict[Kind, str] = {
    "snoozed": "Snoozed: no alert is raised about this user",
    "acknowledged": "Acknowledged: somebody takes care of this user",
}


def _marks(risk: Risk) -> list[MarkLine]:
    return [
        MarkLine(kind, ENDING[kind], _MEANS[kind], now_of(mark.until_ms), now_of(mark.at_ms), mark.by, mark.note)
        for kind in KINDS
        if (mark := risk.marks.get(kind)) is not None
    ]


def _flags(risk: Risk, stale_days: float, horizon_days: int | None) -> list[str]:
    score, flags = risk.user.score, []
    if score.status == "cancelled":
        flags.append("This user has cancelled and is not ranked. The chances are those of the last score.")
    elif score.status == "lapsed":
        span = "a whole horizon" if horizon_days is None else f"{horizon_days} days"
        flags.append(
            f"This user has lapsed: no event for {span} or longer. With the next event they are ranked again. "
            "The chances are those of the last score."
        )
    if risk.cold:
        flags.append("Known for less than a week: the score rests on little.")
    if risk.age_ms > stale_days * DAY_MS:
        flags.append(f"The score is {lasting(risk.age_ms)} behind the event clock: no newer one has come.")
    if risk.reasons is None:
        flags.append(
            f"The model {score.model_version} is not at hand, so that no reasons can be told. "
            "Put its bundle into the folder of models."
        )
    return flags
