"""`POST /v1/policies/sweep`: how many alerts, and how good, at each of some thresholds of the high band."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples_backtest
from api.access import needs
from api.answers import answers
from api.backtest import Outcome, Past
from api.backtests import COARSE, horizon_ms, one_at_a_time, past_points, policy_with, told
from api.context import Context, Wired
from api.intervals import wilson
from api.policies import PolicyChanges
from api.problems import ProblemError
from api.sweep import MOST_THRESHOLDS, spread, swept
from churn.outcomes import AlertPolicy

router = APIRouter(prefix="/v1/policies", tags=["policy"], dependencies=[needs("read")])

USERS = 1_000

_Threshold = Annotated[float, Field(gt=0, lt=1)]


class SweepWanted(BaseModel, extra="forbid"):
    """What is tried: the policy that holds now, with these changes, at these thresholds."""

    changes: PolicyChanges = PolicyChanges()
    thresholds: list[_Threshold] | None = Field(
        None, min_length=1, max_length=MOST_THRESHOLDS, description="of the high band; by default 12 where users are"
    )


class Tried(BaseModel):
    """What the policy would have done with its high band at one threshold."""

    high: float = Field(description="risk from which the high band begins")
    alerts: int = Field(description="about the users that were looked at")
    alerts_per_day: float = Field(description="about all users: as many more as there are more of them")
    decided: int = Field(description="alerts whose horizon is over")
    precision: float | None = Field(description="share of those that came true; null when there are none")
    precision_from: float | None = Field(description="lower end of its interval of 95 % (Wilson)")
    precision_to: float | None = Field(description="upper end")
    repeats: int = Field(description="alerts that were not the first about their user")
    lead_days: float | None = Field(description="median time from an alert that came true to the user's leaving")


class Sweep(BaseModel):
    """A policy at some thresholds."""

    medium: float = Field(description="risk from which the medium band begins")
    high: float = Field(description="risk from which the high band begins by the policy itself")
    users: int = Field(description="whose past was looked at")
    of_users: int = Field(description="how many there are: a sample when they are more than 1,000")
    days: float = Field(description="event time that the points cover")
    tried: list[Tried] = Field(description="the lowest threshold first")
    coarse: str = COARSE


@router.post("/sweep", responses=answers("invalid-request", example=examples_backtest.SWEEP))
def sweep_policy(context: Wired, wanted: SweepWanted) -> Sweep:
    """Tries a policy on the last 60 days with its high band at several thresholds."""
    with one_at_a_time():
        return sweep(context, wanted)


def sweep(context: Context, wanted: SweepWanted) -> Sweep:
    """The same within :func:`api.backtests.one_at_a_time`.

    Raises:
        ProblemError: the changes are no policy, or the high band would begin below the medium one.
        redis.RedisError: Redis does not serve.
    """
    policy = policy_with(context, wanted.changes)
    chosen = sorted(set(wanted.thresholds or []))
    if chosen and chosen[0] < policy.medium:
        detail = f"thresholds: The medium band begins at {policy.medium:g}; the high one cannot begin below it."
        raise ProblemError("invalid-request", detail)
    held = list(past_points(context, USERS))
    pasts = [Past.of(points) for points in held if points]
    of_users = context.view.books().users
    thresholds = chosen or spread(pasts, policy)
    outcomes = swept(pasts, policy, thresholds, horizon_ms(context), context.view.clock() or 0)
    return _answer(policy, thresholds, outcomes, len(held), max(of_users, len(held)))


def _answer(policy: AlertPolicy, thresholds: list[float], outcomes: list[Outcome], users: int, of_users: int) -> Sweep:
    days = outcomes[0].days
    scale = of_users / users if users else 1.0
    tried = [_tried(high, outcome, scale) for high, outcome in zip(thresholds, outcomes, strict=True)]
    return Sweep(
        medium=policy.medium, high=policy.high, users=users, of_users=of_users, days=round(days, 2), tried=tried
    )


def _tried(high: float, outcome: Outcome, scale: float) -> Tried:
    found: dict[str, Any] = told(outcome)
    precision = found["precision"]
    low, top = (None, None) if precision is None else wilson(precision, found["decided"])
    kept = {name: found[name] for name in ("alerts", "decided", "precision", "repeats", "lead_days")}
    return Tried(
        high=high, alerts_per_day=found["alerts_per_day"] * scale, precision_from=low, precision_to=top, **kept
    )
