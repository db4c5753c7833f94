"""The page of one user."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.shell import PageRoute, Shell, shown
from api.console.user_alerts import ALERTS_SHOWN, alert_lines, alerts_of, delivery_lines
from api.console.user_chart import story
from api.console.user_help import help_for
from api.console.user_reasons import largest_moves, lines, since_a_week, whole_moments
from api.console.user_standing import standing
from api.console.watch import of_user
from api.context import Wired
from api.user_answers import UserId
from api.users import unknown_user

router = APIRouter(include_in_schema=False, route_class=PageRoute)


def _watched(request: Request) -> str:
    return of_user(unquote(request.path_params["user_id"]))


@router.api_route("/users/{user_id}", methods=["GET", "HEAD"])
def page(shell: Annotated[Shell, shown(_watched)], context: Wired, user_id: UserId) -> Response:
    """The page."""
    (risk,) = context.risks.look_up([user_id])
    if risk is None:
        raise unknown_user(user_id)
    view, stale_days = context.view, context.settings.api.stale_days
    clock_ms, horizon_days = view.clock(), view.horizon_days()
    moments, alerts = whole_moments(view.moments(user_id), risk), alerts_of(context, user_id)
    policy = view.policy(risk.user.score.model_version)
    return shell.show(
        "user.html",
        user_id=user_id,
        now=standing(risk, clock_ms, stale_days, horizon_days),
        story=story(risk, view.history(user_id), moments, alerts, policy),
        reasons=None if risk.reasons is None else lines(risk.reasons),
        moves=largest_moves(context, moments),
        lately=since_a_week(context, moments),
        help=help_for(context, risk),
        alerts=alert_lines(context, alerts, clock_ms, horizon_days),
        older_alerts=max(0, len(alerts) - ALERTS_SHOWN),
        deliveries=delivery_lines(context, alerts) if shell.who and shell.who.may("admin") else None,
    )
