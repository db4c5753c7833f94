"""The page Now: who is at risk, whether all is well, whether something is unusual, and what has just happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import APIRouter
from starlette.responses import Response

from api.console import now_alerts
from api.console.bands import Share, shares, told_before
from api.console.charts import Chart
from api.console.drivers import drivers_chart, drivers_of
from api.console.health_line import Sign, State, signs_of, verdict
from api.console.moments import now_of
from api.console.now_charts import delay_chart, rates_chart, spread_chart
from api.console.now_tiles import Tile, tiles_of
from api.console.pace import Pace
from api.console.shell import PageRoute, Shell, shown
from api.console.unusual import Seen, notes
from api.console.watch import EVERYTHING
from api.context import Context, Wired
from api.times import readable
from churn.outcomes import Band
from churn.pulse import Pulses
from churn.spread import Spreads
from churn.view import View

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_Shown = Annotated[Shell, shown(EVERYTHING)]

_LOOKED_AT = 50
"""Of whose scores the newest tells the model."""


@dataclass(frozen=True)
class Health:
    """How the system does."""

    state: State
    verdict: str
    signs: list[Sign]


@dataclass(frozen=True)
class Standing:
    """What there is once there are scores."""

    shares: list[Share]
    high: int
    ranked: int
    horizon_days: int | None
    before: str
    unusual: list[str]
    tiles: list[Tile]
    rates: Chart
    delay: Chart
    spread: Chart | None
    drivers: Chart | None
    alerts: list[now_alerts.Line]


@router.api_route("/", methods=["GET", "HEAD"])
def page(shell: _Shown, context: Wired) -> Response:
    """The page."""
    pace, clock_ms = Pace(Pulses(context.view.redis).recent(), context.clock()), context.view.clock()
    model = newest_model(context.view)
    is_admin = shell.who is not None and shell.who.may("admin")
    signs = signs_of(context, pace, model, is_admin)
    return shell.show(
        "now.html",
        health=Health(*verdict(signs), signs),
        standing=None if clock_ms is None else read(context, pace, clock_ms, model),
    )


def read(context: Context, pace: Pace, clock_ms: int, model: str) -> Standing:
    """Reads the view.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    view, spreads = context.view, Spreads(context.view.redis)
    now, then = spreads.now(), spreads.before(clock_ms)
    before, horizon_days, policy = told_before(clock_ms, then) if then else "", view.horizon_days(), view.policy(model)
    counted, ranked = now_alerts.known(context, clock_ms, spreads.oldest_hour()), sum(now.bands.values())
    sizes_then = then.spread.bands if then else None
    is_at_risk = now.bands["high"] + now.bands["medium"] > 0
    drivers = drivers_of(context) if is_at_risk else None
    return Standing(
        shares=shares(now.bands, sizes_then, before),
        high=now.bands["high"],
        ranked=ranked,
        horizon_days=horizon_days,
        before=before,
        unusual=notes(_seen(pace, counted, now.bands, sizes_then, before, _waits_until(view, clock_ms))),
        tiles=tiles_of(pace, counted, view.books(), now_of(clock_ms), model, policy),
        rates=rates_chart(pace),
        delay=delay_chart(pace),
        spread=spread_chart(now, then.spread if then else None, before, policy) if ranked else None,
        drivers=drivers_chart(drivers) if drivers and drivers.value.looked_at else None,
        alerts=now_alerts.newest(context, clock_ms, horizon_days),
    )


def _waits_until(view: View, clock_ms: int) -> str:
    held_until_ms = view.held_until()
    return readable(held_until_ms) if clock_ms < held_until_ms else ""


def _seen(
    pace: Pace,
    counted: now_alerts.Counted,
    bands: Mapping[Band, int],
    bands_before: Mapping[Band, int] | None,
    before: str,
    waits_until: str,
) -> Seen:
    return Seen(
        minute_events=pace.minute.events,
        minute_rate=pace.minute.per_second,
        mean_rate=pace.whole.per_second,
        known_ms=pace.whole.covered_ms,
        alerts_hour=counted.hour,
        alerts_day=counted.day,
        known_hours=counted.known_hours,
        bands=bands,
        bands_before=bands_before,
        before=before,
        still_ms=pace.still_ms,
        waits_until=waits_until,
    )


def newest_model(view: View) -> str:
    """The model of the newest score among those at highest risk; empty where nobody is ranked.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    pipe = view.redis.pipeline(transaction=False)
    for user_id in cast("list[str]", view.redis.zrevrange("churn:ranking", 0, _LOOKED_AT - 1)):
        pipe.hmget(f"churn:user:{user_id}", "published_ms", "model_version")
    found = [(int(published_ms), str(version)) for published_ms, version in pipe.execute() if published_ms]
    return max(found, default=(0, ""))[1]
