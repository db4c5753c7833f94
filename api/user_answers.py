"""Users as the API tells of them: the shapes of its answers, and how they are filled."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Path as PathParameter
from pydantic import BaseModel, BeforeValidator, Field

from api.risks import Risk
from api.times import rfc3339
from churn.explain import Reason
from churn.features import Driver
from churn.marks import KINDS, Kind, Mark
from churn.outcomes import Band, Status
from churn.settings import DAY_MS

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2018-10-01T00:01:57.005Z"])]
"""RFC 3339, UTC, with milliseconds."""


def _decoded(segment: str) -> str:
    return unquote(segment, errors="strict")  # a wrong byte must not become another user's id


# A user id is whatever the log holds, a slash or a line break included: `Boundary` leaves paths encoded.
UserId = Annotated[
    str,
    BeforeValidator(_decoded),
    PathParameter(min_length=1, max_length=256, description="as in the log", examples=["1045"]),
]

WORTH_TELLING = 0.001
"""A driver that moves the risk by less is left out of the reasons."""


class ReasonAnswer(BaseModel):
    """What one driver does to the risk."""

    driver: Driver
    difference: float = Field(description="risk now, less the risk with this driver as a typical user has it")
    words: str


class MarkAnswer(BaseModel):
    """Somebody has snoozed or acknowledged a user."""

    until: Timestamp
    at: Timestamp
    by: str = Field(description="name of the key that did it")
    note: str


class MarksAnswer(BaseModel):
    """What people have said about a user, and that still holds."""

    snoozed: MarkAnswer | None = Field(description="no alert is raised until then")
    acknowledged: MarkAnswer | None = Field(description="somebody takes care of it until then")


class UserSummary(BaseModel):
    """A user's newest score."""

    user_id: str
    risk: float = Field(description="chance to leave within the model's horizon, 0 to 1: p_cancel + p_lapse")
    p_cancel: float = Field(description="chance to cancel")
    p_lapse: float = Field(description="chance not to cancel, but to send no event at all")
    band: Band
    band_since: Timestamp
    status: Status
    driver: Driver | None = Field(description="what raises the risk most; null when nothing does, or without its model")
    reasons: list[ReasonAnswer] | None = Field(description="the largest first; null when its model is not at hand")
    marks: MarksAnswer
    as_of: Timestamp = Field(description="the moment that the score describes")
    age_s: float = Field(description="event clock minus as_of")
    stale: bool = Field(description="whether the age is above the setting api.stale_days")
    last_event: Timestamp | None = Field(description="null when only an outcome's own page was seen")
    events: int
    cold: bool = Field(description="known for less than a week: the score rests on little")
    level: str = Field(description="free or paid, at the newest event")
    model_version: str
    published_at: Timestamp = Field(description="when the score came into the view, by the wall clock")


class UserRisk(UserSummary):
    """A user's newest score with all that is known of it."""

    rank: int | None = Field(description="place in the ranking, from 1; null for a user who is not active")
    percentile: float | None = Field(description="share of ranked users placed at or below, 0 to 1")
    features: dict[str, float] = Field(description="raw value by feature name")
    epoch: int
    version: int


def summary(risk: Risk, stale_days: float) -> dict[str, Any]:
    """The members of a :class:`UserSummary`."""
    score, age_ms = risk.user.score, risk.age_ms
    return {
        "user_id": score.user_id,
        "risk": score.risk,
        "p_cancel": score.p_cancel,
        "p_lapse": score.p_lapse,
        "band": risk.user.band,
        "band_since": rfc3339(risk.user.band_since),
        "status": score.status,
        "driver": risk.driver,
        "reasons": None if risk.reasons is None else told(risk.reasons),
        "marks": marks_answer(risk.marks),
        "as_of": rfc3339(score.as_of),
        "age_s": age_ms / 1000,
        "stale": age_ms > stale_days * DAY_MS,
        "last_event": None if score.last_event is None else rfc3339(score.last_event),
        "events": score.events,
        "cold": risk.cold,
        "level": score.level,
        "model_version": score.model_version,
        "published_at": rfc3339(risk.user.published_ms),
    }


def whole(risk: Risk, stale_days: float) -> dict[str, Any]:
    """The members of a :class:`UserRisk`."""
    score = risk.user.score
    return {
        **summary(risk, stale_days),
        "rank": risk.rank,
        # One may have left between the reads.
        "percentile": None if risk.rank is None else min(1.0, max(0.0, (risk.ranked - risk.rank + 1) / risk.ranked)),
        "features": dict(score.features),
        "epoch": score.epoch,
        "version": score.version,
    }


def told(reasons: list[Reason]) -> list[dict[str, Any]]:
    """Reasons that are worth telling."""
    return [
        {"driver": reason.driver, "difference": round(reason.difference, 6), "words": reason.words}
        for reason in reasons
        if abs(reason.difference) >= WORTH_TELLING
    ]


def marks_answer(marks: dict[Kind, Mark]) -> dict[str, Any]:
    """The members of a :class:`MarksAnswer`."""
    return {kind: _mark(marks.get(kind)) for kind in KINDS}


def _mark(mark: Mark | None) -> dict[str, str] | None:
    if mark is None:
        return None
    return {"until": rfc3339(mark.until_ms), "at": rfc3339(mark.at_ms), "by": mark.by, "note": mark.note}
