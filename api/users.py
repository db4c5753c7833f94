"""Users and their risk."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from api.context import Wired
from api.problems import ProblemError, documented
from api.times import rfc3339
from churn.outcomes import Band, Status
from churn.settings import DAY_MS
from churn.view import UserScore, View

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2018-10-01T00:01:57.005Z"])]
"""RFC 3339, UTC, with milliseconds."""

RankedBand = Literal["high", "medium", "low"]

router = APIRouter(prefix="/v1/users", tags=["users"])


class UserSummary(BaseModel):
    """A user's newest score."""

    user_id: str
    risk: float = Field(description="chance to leave within the model's horizon, 0 to 1: p_cancel + p_lapse")
    p_cancel: float = Field(description="chance to cancel")
    p_lapse: float = Field(description="chance not to cancel, but to send no event at all")
    band: Band
    band_since: Timestamp
    status: Status
    as_of: Timestamp = Field(description="the moment that the score describes")
    age_s: float = Field(description="event clock minus as_of")
    stale: bool = Field(description="whether the age is above the setting api.stale_days")
    last_event: Timestamp | None = Field(description="null when only an outcome's own page was seen")
    events: int
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


class UserList(BaseModel):
    """The first of the ranking."""

    users: list[UserSummary]
    total: int = Field(description="how many users are ranked, in this band or in all")


_SUMMARY: dict[str, Any] = {
    "user_id": "1045",
    "risk": 0.61,
    "p_cancel": 0.48,
    "p_lapse": 0.13,
    "band": "high",
    "band_since": "2018-10-28T09:12:44.000Z",
    "status": "active",
    "as_of": "2018-10-30T18:02:11.000Z",
    "age_s": 5421.0,
    "stale": False,
    "last_event": "2018-10-30T18:02:11.000Z",
    "events": 1204,
    "level": "paid",
    "model_version": "20181101-4f2a91c0",
    "published_at": "2018-10-30T18:02:11.034Z",
}
_RISK = _SUMMARY | {
    "rank": 12,
    "percentile": 0.9756,
    "features": {"adverts_3d": 0.42, "songs_paid_14d": 131.8, "paid": 1.0, "silence_days": 0.0},
    "epoch": 1,
    "version": 1209,
}


@router.get("", responses=documented(422, 500, 503, example={"users": [_SUMMARY], "total": 1}))
def ranked_users(
    context: Wired,
    band: Annotated[RankedBand | None, Query(description="only this band")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 50,
) -> UserList:
    """Active users, highest risk first."""
    view = context.view
    stale_days, clock_ms = context.settings.api.stale_days, view.clock()
    sizes = view.band_sizes()
    return UserList(
        users=[UserSummary(**_summary(user, clock_ms, stale_days)) for user in view.ranked(band, limit)],
        total=sizes[band] if band else sum(sizes.values()),
    )


# A user id is whatever the log holds, a slash included: hence `path`.
@router.get("/{user_id:path}/risk", responses=documented(404, 500, 503, example=_RISK))
def user_risk(
    context: Wired, user_id: Annotated[str, PathParameter(description="as in the log", examples=["1045"])]
) -> UserRisk:
    """One user's current risk."""
    found = context.view.user(user_id)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No score is known of user {user_id}.")
    score = found.score
    return UserRisk(
        **_summary(found, context.view.clock(), context.settings.api.stale_days),
        **_place(context.view, user_id),
        features=dict(score.features),
        epoch=score.epoch,
        version=score.version,
    )


def _summary(user: UserScore, clock_ms: int | None, stale_days: float) -> dict[str, Any]:
    score = user.score
    age_ms = age(user, clock_ms)
    return {
        "user_id": score.user_id,
        "risk": score.risk,
        "p_cancel": score.p_cancel,
        "p_lapse": score.p_lapse,
        "band": user.band,
        "band_since": rfc3339(user.band_since),
        "status": score.status,
        "as_of": rfc3339(score.as_of),
        "age_s": age_ms / 1000,
        "stale": age_ms > stale_days * DAY_MS,
        "last_event": None if score.last_event is None else rfc3339(score.last_event),
        "events": score.events,
        "level": score.level,
        "model_version": score.model_version,
        "published_at": rfc3339(user.published_ms),
    }


def age(user: UserScore, clock_ms: int | None) -> int:
    """How far a score is behind the event clock, in ms; 0 when it came after the clock was read."""
    return max(0, (clock_ms or 0) - user.score.as_of)


def _place(view: View, user_id: str) -> dict[str, Any]:
    place = view.rank(user_id)
    if place is None:
        return {"rank": None, "percentile": None}
    rank, ranked = place
    # One may have left between the two reads that `rank` makes.
    return {"rank": rank, "percentile": min(1.0, max(0.0, (ranked - rank + 1) / max(ranked, 1)))}
