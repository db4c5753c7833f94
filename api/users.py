"""One user's risk: now, as it stood at some time, and how it moved; and many users at once."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import examples
from api.access import needs
from api.answers import answers
from api.context import Context, Wired
from api.past import RiskThen, then
from api.problems import ProblemError
from api.risks import Risk
from api.times import Instant
from api.user_answers import UserId, UserRisk, whole

router = APIRouter(prefix="/v1/users", tags=["users"], dependencies=[needs("read")])

AT_ONCE = 1000


class UserIds(BaseModel, extra="forbid"):
    """Who is asked for."""

    user_ids: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(min_length=1, max_length=AT_ONCE)


class UserRisks(BaseModel):
    """Everybody who was asked for, in that order."""

    users: list[UserRisk]
    unknown: list[str] = Field(description="ids without a score")


@router.post(
    "/risk", response_model=UserRisks, responses=answers("invalid-request", "too-large", example=examples.RISKS)
)
def risks_of_many(context: Wired, wanted: UserIds) -> Response:
    """Up to 1,000 users' current risk."""
    found = context.risks.look_up(wanted.user_ids)
    stale_days = context.settings.api.stale_days
    return _json(
        {
            "users": [whole(risk, stale_days) for risk in found if risk is not None],
            "unknown": [user_id for user_id, risk in zip(wanted.user_ids, found, strict=True) if risk is None],
        }
    )


@router.get(
    "/{user_id}/risk",
    response_model=UserRisk | RiskThen,
    responses=answers("unknown-user", "invalid-request", example=examples.RISK)
    | {304: {"description": "The score is the one whose ETag was sent along"}},
)
async def user_risk(
    context: Wired,
    user_id: UserId,
    at: Annotated[Instant | None, Query(description="as it stood then, RFC 3339; by default now")] = None,
    if_none_match: Annotated[str | None, Header(description="the ETag of an earlier answer")] = None,
) -> Response:
    """One user's risk, with reasons."""
    if at is not None:
        return _json(await run_in_threadpool(then, context, user_id, at))
    risk = await ask_risk(context, user_id)
    tag = etag(risk, context.settings.api.stale_days)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and tag in [each.strip() for each in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return _json(whole(risk, context.settings.api.stale_days), headers)


def etag(risk: Risk, stale_days: float) -> str:
    """Weak: two answers with the same tag tell the same score, though its age and rank may have moved."""
    score = risk.user.score
    stale = "s" if risk.age_ms > stale_days * 86_400_000 else ""
    marks = "".join(f"-{kind[0]}{mark.at_ms}" for kind, mark in sorted(risk.marks.items()))
    reasons = "" if risk.reasons is None else "r"
    return f'W/"{score.epoch}-{score.version}-{score.model_version}-{risk.user.band}{marks}-{stale}{reasons}"'


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    """Without a second validation of what we have made ourselves: the tests hold it to the contract."""
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


async def ask_risk(context: Context, user_id: str) -> Risk:
    """One user's risk, together with whoever asks at the same time.

    Raises:
        ProblemError: no score is known of the user.
    """
    risk = await context.asked.ask(user_id)
    if risk is None:
        raise unknown_user(user_id)
    return risk


def unknown_user(user_id: str) -> ProblemError:
    """The problem for somebody without a score; whether they were forgotten is not told."""
    return ProblemError("unknown-user", f"No score is known of user {user_id}.")
