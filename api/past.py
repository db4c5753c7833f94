"""How a user's risk stood at some time, and what moved it, from the points and moments that the view keeps."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import examples
from api.access import needs
from api.answers import answers
from api.context import Context, Wired
from api.problems import ProblemError
from api.times import Instant, rfc3339
from api.user_answers import ReasonAnswer, Timestamp, UserId, told
from churn.features import NAMES
from churn.outcomes import Band
from churn.view import Moment, Point

router = APIRouter(prefix="/v1/users", tags=["users"], dependencies=[needs("read")])

MOVES = 10


class RiskThen(BaseModel):
    """A score as it stood at some time: the last point before it. There is one every six hours, and at each change
    of the band.
    """

    user_id: str
    at: Timestamp = Field(description="the time that was asked for")
    as_of: Timestamp = Field(description="the moment that the score describes")
    risk: float
    p_cancel: float
    p_lapse: float
    band: Band
    version: int
    model_version: str | None = Field(description="null where the features of that point were not kept")
    reasons: list[ReasonAnswer] | None = Field(description="null where the features of that point were not kept")


class HistoryPoint(BaseModel):
    """One moment of a user's history."""

    as_of: Timestamp
    risk: float
    p_cancel: float
    p_lapse: float
    band: Band


class Move(BaseModel):
    """A change of the risk between two moments, and what moved it."""

    since: Timestamp
    until: Timestamp
    difference: float = Field(description="risk at its end, less risk at its beginning")
    reasons: list[ReasonAnswer] = Field(description="each driver as it was at the end, compared with the beginning")


class History(BaseModel):
    """How a user's risk moved in the last 60 days."""

    user_id: str
    points: list[HistoryPoint] = Field(
        description="oldest first; at most one in six hours, and each change of the band"
    )
    moves: list[Move] = Field(description="the largest changes first")


def then(context: Context, user_id: str, at_ms: int) -> dict[str, Any]:
    """The members of a :class:`RiskThen`.

    Raises:
        ProblemError: nothing is known of the user at that time.
    """
    points = [point for point in context.view.history(user_id) if point.as_of <= at_ms]
    if not points:
        raise ProblemError("unknown-user", f"No score is known of user {user_id} as of {rfc3339(at_ms)}.")
    point = points[-1]
    # A version alone does not do: each epoch counts from 1.
    place = (point.as_of, point.version)
    moment = next((each for each in context.view.moments(user_id) if (each.as_of, each.version) == place), None)
    explainer = None if moment is None else context.explainers.of(moment.model_version)
    return {
        "user_id": user_id,
        "at": rfc3339(at_ms),
        **_told(point),
        "version": point.version,
        "model_version": None if moment is None else moment.model_version,
        "reasons": None if moment is None or explainer is None else told(explainer.reasons(moment.features)),
    }


@router.get("/{user_id}/history", responses=answers("unknown-user", "invalid-request", example=examples.HISTORY))
def history(
    context: Wired,
    user_id: UserId,
    since: Annotated[Instant | None, Query(description="only points from then on, RFC 3339")] = None,
    until: Annotated[Instant | None, Query(description="only points up to then, RFC 3339")] = None,
) -> History:
    """How one user's risk moved, and what moved it."""
    points = context.view.history(user_id)
    if not points:
        raise ProblemError("unknown-user", f"No score is known of user {user_id}.")

    def within(as_of: int) -> bool:
        return (since is None or as_of >= since) and (until is None or as_of <= until)

    return History(
        user_id=user_id,
        points=[HistoryPoint(**_told(point)) for point in points if within(point.as_of)],
        moves=moves(context, [each for each in context.view.moments(user_id) if within(each.as_of)]),
    )


def moves(context: Context, moments: list[Moment]) -> list[Move]:
    """The changes between neighbouring moments, each as the later one's model sees both; the largest first."""
    found = []
    # One that another release kept may lack features of this one.
    for before, after in pairwise(moment for moment in moments if len(moment.features) == len(NAMES)):
        explainer = context.explainers.of(after.model_version)
        if explainer is not None:
            start, end = explainer.risks([before.features, after.features])
            reasons = [ReasonAnswer(**each) for each in told(explainer.reasons(after.features, before.features))]
            move = Move(
                since=rfc3339(before.as_of), until=rfc3339(after.as_of), difference=end - start, reasons=reasons
            )
            found.append(move)
    return sorted(found, key=lambda move: -abs(move.difference))[:MOVES]


def _told(point: Point) -> dict[str, Any]:
    return {
        "as_of": rfc3339(point.as_of),
        "risk": point.risk,
        "p_cancel": point.p_cancel,
        "p_lapse": point.p_lapse,
        "band": point.band,
    }
