"""`POST /v1/policies/backtest`: a policy is tried on the past before it is switched on."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples_backtest
from api.access import needs
from api.answers import answers
from api.backtest import Outcome, backtest
from api.context import Context, Wired
from api.histories import histories
from api.policies import PolicyChanges
from api.problems import ProblemError
from api.times import rfc3339
from churn import chosen_policy
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy
from churn.settings import DAY_MS
from churn.view import Point
from churn.view_records import point

router = APIRouter(prefix="/v1/policies", tags=["policy"], dependencies=[needs("read")])

USERS = 5_000
UNDER_WAY = threading.Lock()
"""Held while one is under way: each takes seconds of a processor, which all requests share."""
COARSE = (
    "Points are kept every six hours and at each change of the band: a risk that rose and fell between two of them is "
    "not seen, and one point in six hours may be a few hours late. Precision counts alerts whose horizon is over."
)


class Backtest(BaseModel):
    """What a policy would have done."""

    medium: float
    high: float
    users: int = Field(description="whose past was looked at")
    of_users: int = Field(description="how many there are: a sample when they are more than 5,000")
    days: float = Field(description="event time that the points cover")
    alerts: int
    alerts_per_day: float
    per_day: dict[str, int] = Field(description="by the day's beginning, UTC, event time")
    decided: int = Field(description="alerts whose horizon is over")
    precision: float | None = Field(description="share of those that came true; null when there are none")
    repeats: int = Field(description="alerts that were not the first about their user")
    lead_days: float | None = Field(description="median time from an alert that came true to the user's leaving")
    coarse: str = COARSE


@contextmanager
def one_at_a_time(patience_s: float = 0.0) -> Iterator[None]:
    """For as long as a backtest takes: no other one is under way.

    Args:
        patience_s: how long to wait for another one to end.

    Raises:
        ProblemError: it has not ended by then.
    """
    if not UNDER_WAY.acquire(timeout=patience_s):
        raise ProblemError("too-many-requests", "Another backtest is under way.", {"Retry-After": "3"})
    try:
        yield
    finally:
        UNDER_WAY.release()


@router.post("/backtest", responses=answers("invalid-request", example=examples_backtest.BACKTEST))
def backtest_policy(context: Wired, changes: PolicyChanges) -> Backtest:
    """Tries the policy that holds now, with these changes, on the last 60 days."""
    with one_at_a_time():
        return _tried(context, changes)


def _tried(context: Context, changes: PolicyChanges) -> Backtest:
    policy = policy_with(context, changes)
    found = backtest(past_points(context, USERS), policy, horizon_ms(context), context.view.clock() or 0)
    return Backtest(medium=policy.medium, high=policy.high, of_users=context.view.books().users, **told(found))


def policy_with(context: Context, changes: PolicyChanges) -> AlertPolicy:
    """The policy that was chosen last, with changes.

    Raises:
        ProblemError: together they are none.
    """
    held: dict[str, Any] = json.loads(chosen_policy.read(context.view.redis) or "{}")
    given = chosen_policy.changed(held, changes.model_dump(exclude_unset=True))
    try:
        chosen = chosen_policy.merged(context.settings.policy, json.dumps(given))
    except ChurnError as error:
        raise ProblemError("invalid-request", str(error)) from None
    now = context.view.policy("")
    begin = chosen_policy.thresholds(context.view.redis, chosen) or (now.medium, now.high)
    policy = AlertPolicy.of(chosen, *begin)
    if policy.medium > policy.high:
        raise ProblemError("invalid-request", "medium: The medium band would begin above the high one.")
    return policy


def horizon_ms(context: Context) -> int:
    """How far the model in use looks ahead; while nobody has said so, as far as one does by default."""
    return (context.view.horizon_days() or context.settings.labels.horizon_days) * DAY_MS


def past_points(context: Context, users: int) -> Iterator[Sequence[Point]]:
    """The last 60 days of everybody, or of as many as are looked at."""
    for each in histories(context.view.redis, users, context.view.clock() or 0):
        yield [point(text) for text in each.points]


def told(found: Outcome) -> dict[str, Any]:
    """The members of a :class:`Backtest` that tell what came of it."""
    decided = [each for each in found.raised if each.came_true is not None]
    leads = [each.lead_ms / DAY_MS for each in found.raised if each.lead_ms is not None]
    return {
        "users": found.users,
        "days": round(found.days, 2),
        "alerts": len(found.raised),
        "alerts_per_day": len(found.raised) / max(1.0, found.days),
        "per_day": {rfc3339(day): count for day, count in found.per_day().items()},
        "decided": len(decided),
        "precision": sum(bool(each.came_true) for each in decided) / len(decided) if decided else None,
        "repeats": sum(each.again for each in found.raised),
        "lead_days": statistics.median(leads) if leads else None,
    }
