"""The page Alerting: the policy, what it would do at other thresholds, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console import alerting_sweep
from api.console.alerting_policy import policy_words
from api.console.alerting_webhooks import webhooks
from api.console.shell import PageRoute, Shell, shown
from api.console.watch import DELIVERIES
from api.context import Context, Wired
from api.problems import ProblemError
from api.webhooks.endpoints import EventType
from churn.features import Driver, Level
from churn.outcomes import BANDS
from churn.view_records import AlertKind

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_Shown = Annotated[Shell, shown(DELIVERIES)]

_Capacity = Annotated[float | None, Query(gt=0, le=1_000_000)]


@router.api_route("/alerting", methods=["GET", "HEAD"])
def page(
    shell: _Shown,
    context: Wired,
    capacity: _Capacity = None,
    endpoint: Annotated[str, Query(max_length=64)] = "",
    first: Annotated[str, Query(max_length=16)] = "",
    fragment: str = "",
) -> Response:
    """The page."""
    may_admin = shell.who is not None and shell.who.may("admin")
    values: dict[str, Any] = {
        "policy": policy_words(context),
        "hooks": webhooks(context, endpoint, first == "failures") if may_admin else None,
        "has_secret": context.secret_keys is not None,
    }
    # The chart stays as it is while somebody moves its slider.
    values |= {} if fragment else _tradeoff(context, capacity)
    choices = {
        "types": get_args(EventType), "bands": BANDS[1:], "drivers": get_args(Driver), "levels": get_args(Level),
        "kinds": get_args(AlertKind),
    }  # fmt: skip
    return shell.show("alerting.html", choices=choices, **values)


def _tradeoff(context: Context, capacity: float | None) -> dict[str, Any]:
    try:
        found = alerting_sweep.known(context)
    except ProblemError as error:
        why = f"The policy cannot be tried on the past: {error.detail}"
        if error.name == "too-many-requests":
            why = "Another backtest is under way, and one is made at a time. Reload the page in a few seconds."
        return {"swept": None, "why": why}
    wanted = alerting_sweep.usual_capacity(context) if capacity is None else capacity
    return {"swept": alerting_sweep.shown(found.value[1], found.age_s, wanted), "why": ""}
