"""What if: the model's answer to other feature values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples
from api.access import needs
from api.answers import answers
from api.context import Context, Wired
from api.figures import Changes, figures
from api.problems import ProblemError
from api.risks import Risk, main_driver
from api.user_answers import ReasonAnswer, UserId, told
from api.users import unknown_user
from churn.explain import Explainer
from churn.features import NAMES, Driver
from churn.outcomes import Band
from churn.settings import DAY_MS

router = APIRouter(prefix="/v1", tags=["what if"], dependencies=[needs("read")])

DISCLAIMER = "This is how the model responds to other figures. It is no promise that changing them keeps the user."


class Response(BaseModel):
    """What the model says of some figures."""

    risk: float
    p_cancel: float
    p_lapse: float
    band: Band = Field(
        description="that this risk would lead to, coming from the user's band; a typical user's comes from none"
    )
    driver: Driver | None = Field(description="what raises the risk most: which team would be told")
    reasons: list[ReasonAnswer]
    figures: dict[str, Any] = Field(description="as people say them; what can be changed")


class WhatIf(BaseModel):
    """Before and after."""

    now: Response
    then: Response
    difference: float = Field(description="risk then, less risk now")
    model_version: str
    disclaimer: str = DISCLAIMER


class Question(BaseModel, extra="forbid"):
    """What should be other than it is."""

    changes: Changes


@router.post(
    "/users/{user_id}/what-if",
    responses=answers("unknown-user", "invalid-request", "model-unavailable", example=examples.WHAT_IF),
)
def what_if_of_user(context: Wired, user_id: UserId, question: Question) -> WhatIf:
    """One user with other figures."""
    risk = known(context, user_id)
    return answer(context, risk.user.score.features, question.changes, explainer_of(context, risk), risk.user.band)


@router.post("/what-if", responses=answers("invalid-request", "model-unavailable", example=examples.WHAT_IF))
def what_if(context: Wired, question: Question) -> WhatIf:
    """A typical user with other figures."""
    explainer = current(context)
    return answer(context, explainer.reference, question.changes, explainer)


def current(context: Context) -> Explainer:
    """The model in use.

    Raises:
        ProblemError: it is not at hand.
    """
    explainer = context.explainers.current()
    if explainer is None:
        raise ProblemError("model-unavailable", "There is no model in use whose bundle can be read.")
    return explainer


def known(context: Context, user_id: str) -> Risk:
    """A user's risk.

    Raises:
        ProblemError: no score is known of the user.
    """
    (risk,) = context.risks.look_up([user_id])
    if risk is None:
        raise unknown_user(user_id)
    return risk


def explainer_of(context: Context, risk: Risk) -> Explainer:
    """The model that scored a user.

    Raises:
        ProblemError: it is not at hand, or it knew other features.
    """
    score = risk.user.score
    explainer = context.explainers.of(score.model_version)
    if explainer is None or set(score.features) != set(NAMES):
        raise ProblemError("model-unavailable", f"The model {score.model_version} is not in the folder of models.")
    return explainer


def answer(
    context: Context, features: Mapping[str, float], changes: Changes, explainer: Explainer, before: Band = "none"
) -> WhatIf:
    """Before and after: what a model says of some raw values, and of the same with changes."""
    now, then = (respond(context, each, explainer, before) for each in (features, changes.applied(features)))
    return WhatIf(now=now, then=then, difference=then.risk - now.risk, model_version=explainer.version)


def respond(context: Context, features: Mapping[str, float], explainer: Explainer, before: Band = "none") -> Response:
    """What a model says of some raw values, and the band that follows another one by its policy."""
    p_cancel, p_lapse = explainer.chances(features)
    reasons, said = explainer.reasons(features), figures(features)
    lapsed = said["silence_days"] * DAY_MS >= explainer.horizon_days * DAY_MS
    policy = context.view.policy(explainer.version)
    return Response(
        risk=p_cancel + p_lapse,
        p_cancel=p_cancel,
        p_lapse=p_lapse,
        band=policy.band(p_cancel + p_lapse, before, "lapsed" if lapsed else "active"),
        driver=main_driver(reasons),
        reasons=[ReasonAnswer(**each) for each in told(reasons)],
        figures=said,
    )
