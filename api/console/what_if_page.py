"""The page What if: figures are moved, and the model answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.alert_answers import percent
from api.console import levers, what_if_words
from api.console.levers import FiguresAsked
from api.console.moments import Moment, since
from api.console.shell import PageRoute, Shell, shown
from api.console.watch import EVERYTHING, of_user
from api.context import Context, Wired
from api.figures import SIGNALS, figures
from api.least_change import after
from api.problems import ProblemError
from api.rendering import STEPS
from api.risks import Risk
from api.what_if import DISCLAIMER, answer, current, explainer_of
from churn.explain import Explainer
from churn.outcomes import Band

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True)
class Start:
    """Whoever is started from.

    Attributes:
        user_id: None for a typical user.
        status: of the user.
        level: the plan.
        risk: in per cent.
        band: of the user.
        as_of: the moment that the score describes.
        version: another one when a newer score has come.
        path: under which the API is asked; empty where a browser cannot ask about the user.
    """

    user_id: str | None
    status: str
    level: str
    risk: str
    band: Band
    as_of: Moment | None
    version: str
    path: str


def _watched(request: Request) -> str:
    user_id = request.query_params.get("user", "")
    return of_user(user_id) if user_id.strip() else EVERYTHING


@router.api_route("/what-if", methods=["GET", "HEAD"])
def page(
    shell: Annotated[Shell, shown(_watched)],
    context: Wired,
    asked: Annotated[FiguresAsked, Query()],
    fragment: str = "",
) -> Response:
    """The page."""
    wanted: Any = asked
    risk = None
    if wanted.user is not None:
        (risk,) = context.risks.look_up([wanted.user])
        if risk is None:
            return _without(shell, wanted.user, f"Nobody is known by the id {wanted.user[:64]}.", 404)
    try:
        explainer = current(context) if risk is None else explainer_of(context, risk)
    except ProblemError as error:
        return _without(shell, wanted.user, error.detail, 200)
    features: Mapping[str, float] = explainer.reference if risk is None else risk.user.score.features
    start = _start(context, risk, explainer)
    # Only the sentence on the user moves by itself: whoever is moving levers is not to have them moved.
    values = {} if fragment else _answered(context, features, wanted, explainer, start.band if risk else "none")
    return shell.show("what_if.html", asked=wanted.user, why="", start=start, **values)


def _without(shell: Shell, user_id: str | None, why: str, status: int) -> Response:
    """The page of somebody of whom nothing can be worked out."""
    return shell.show("what_if.html", status=status, asked=user_id, why=why, start=None)


def _start(context: Context, risk: Risk | None, explainer: Explainer) -> Start:
    if risk is None:
        chance = explainer.risks([explainer.reference])[0]
        band = context.view.policy(explainer.version).band(chance, "none", "active")
        level = "paid" if explainer.reference["paid"] >= 0.5 else "free"
        return Start(None, "active", level, percent(chance), band, None, explainer.version, "/v1")
    score = risk.user.score
    return Start(
        user_id=score.user_id,
        status=score.status,
        level=score.level,
        risk=percent(score.risk),
        band=risk.user.band,
        as_of=since(score.as_of, context.view.clock()),
        version=f"{score.epoch}-{score.version}",
        path="" if score.user_id in STEPS else f"/v1/users/{quote(score.user_id, safe='')}",
    )


def _answered(
    context: Context, features: Mapping[str, float], wanted: Any, explainer: Explainer, band: Band
) -> dict[str, Any]:
    said, typical = figures(features), figures(explainer.reference)
    changes = levers.changes(said, wanted)
    found = answer(context, features, changes, explainer, band)
    enough = after(context, features, changes, explainer, band)
    sentence, moved = what_if_words.least_words(enough)
    return {
        "groups": levers.groups(said, typical, wanted),
        "own_level": said["level"],
        "level": wanted.level or said["level"],
        "before": what_if_words.side(found.now),
        "after": what_if_words.side(found.then),
        "difference": what_if_words.difference_words(found.difference),
        "pulls": what_if_words.pulls(found.then),
        "room": round(what_if_words.scale(found.then.reasons) * 100),
        "units": {name: features[0].unit for name, features in SIGNALS.items()},
        "least": sentence,
        "moved": moved,
        "disclaimer": DISCLAIMER,
        "horizon_days": explainer.horizon_days,
        "model_version": found.model_version,
    }
