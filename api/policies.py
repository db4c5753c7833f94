"""The alert policy: what it is, and choosing another one while everything runs."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.context import Context, Wired
from api.problems import ProblemError
from churn import chosen_policy
from churn.errors import ChurnError
from churn.settings import DAY_MS, Clock, Zone

router = APIRouter(prefix="/v1/policy", tags=["policy"])

_Risk = Annotated[float | None, Field(gt=0, lt=1)]


class PolicyChanges(BaseModel, extra="forbid"):
    """What should be other than in the settings; null takes a change back."""

    medium: _Risk = Field(None, description="risk from which a user is in the medium band")
    high: _Risk = Field(None, description="risk from which a user is in the high band: entering it raises an alert")
    exit_ratio: Annotated[float | None, Field(gt=0, le=1)] = Field(
        None, description="a band is left below its threshold times this"
    )
    cool_down_days: Annotated[float | None, Field(ge=0, le=366)] = Field(
        None, description="event time between two alerts about one user"
    )
    rise: _Risk = Field(None, description="growth of the risk that is worth an alert in any band")
    rise_days: Annotated[float | None, Field(gt=0, le=60)] = Field(
        None, description="event time within which it has to grow so much"
    )
    quiet_from: Clock | None = Field(None, description="alerts that come from then on wait, by the wall clock")
    quiet_until: Clock | None = Field(None, description="until then")
    quiet_zone: Zone | None = Field(None, description="time zone of the two")


class PolicyNow(BaseModel):
    """The alert policy that was chosen, and the thresholds by which bands are decided now."""

    changes: dict[str, Any] = Field(description="what was chosen through the API")
    policy: dict[str, Any] = Field(
        description="the settings with these changes, if they are not refused; a null threshold is the model card's"
    )
    refused: str | None = Field(description="why publish does not take the changes: other settings, or another model")
    applied: bool = Field(description="whether publish decides by it already: within two seconds, if it runs")
    medium: float = Field(description="risk at which the medium band is entered now")
    high: float = Field(description="risk at which the high band is entered now")
    medium_left_below: float
    high_left_below: float
    cool_down_days: float
    rise: float = Field(description="0 while a rise raises no alert")


@router.get("", dependencies=[needs("read")], responses=answers(example=examples.POLICY))
def policy_now(context: Wired) -> PolicyNow:
    """The alert policy."""
    changes = chosen_policy.read(context.view.redis)
    refused = _refusal(context, changes)
    now = context.view.policy("")
    return PolicyNow(
        changes=json.loads(changes or "{}"),
        policy=chosen_policy.merged(context.settings.policy, "" if refused else changes).model_dump(),
        refused=refused,
        applied=chosen_policy.is_applied(context.view.redis),
        medium=now.medium,
        high=now.high,
        medium_left_below=now.medium * now.exit_ratio,
        high_left_below=now.high * now.exit_ratio,
        cool_down_days=now.cool_down_ms / DAY_MS,
        rise=now.rise,
    )


@router.patch("", dependencies=[needs("admin")], responses=answers("invalid-request", example=examples.POLICY))
def change_policy(context: Wired, asking: Asking, changes: PolicyChanges) -> PolicyNow:
    """Changes some of the policy. Bands are set anew without an alert; then alerts go by it."""
    given = changes.model_dump(exclude_unset=True)

    def decide(held: dict[str, Any]) -> dict[str, Any]:
        chosen = chosen_policy.changed(held, given)
        refused = _refusal(context, json.dumps(chosen)) if chosen else None
        if refused is not None:
            raise ProblemError("invalid-request", refused)
        return chosen

    chosen_policy.change(context.view.redis, decide)
    context.audit.note(asking.key_id, asking.name, "policy.change", "policy", **given)
    return policy_now(context)


@router.delete("", dependencies=[needs("admin")], responses=answers(example=examples.POLICY))
def reset_policy(context: Wired, asking: Asking) -> PolicyNow:
    """Goes back to the settings."""
    chosen_policy.write(context.view.redis, {})
    context.audit.note(asking.key_id, asking.name, "policy.reset", "policy")
    return policy_now(context)


def _refusal(context: Context, changes: str) -> str | None:
    """Why publish would not take some changes: it has the card's thresholds where these are left open."""
    try:
        policy = chosen_policy.merged(context.settings.policy, changes)
    except ChurnError as error:
        return str(error)
    medium, high = chosen_policy.thresholds(context.view.redis, policy) or (0.0, 1.0)
    if medium > high:
        return f"medium: The medium band would begin at {medium:g}, above the high band at {high:g}."
    return None
