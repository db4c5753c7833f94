"""The first page: who is at risk, the latest alerts, how far the scorer has come. Rendered here, read anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import APIRouter, Cookie, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access import COOKIE, bearer, caller
from api.alert_answers import outcome, percent, story
from api.context import Context, Wired
from api.problems import RETRY_AFTER_S, ProblemError, reason
from api.rendering import rendered
from api.times import ago, readable, rfc3339
from churn.outcomes import Band, Outcome
from churn.settings import DAY_MS
from churn.view import Alert, Books, UserScore

USERS_SHOWN = 50
ALERTS_SHOWN = 12

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Moment:
    """A time for the page."""

    iso: str
    words: str
    utc: str


@dataclass(frozen=True)
class Row:
    """A line of the ranking. Widths are per cent of the bar."""

    user_id: str
    risk: str
    cancel: str
    lapse: str
    cancel_width: float
    lapse_width: float
    band: Band
    level: str
    last_event: Moment | None
    events: str
    scored: str


@dataclass(frozen=True)
class Line:
    """An alert."""

    user_id: str
    outcome: Outcome
    story: str
    at: Moment


@dataclass(frozen=True)
class Share:
    """One band's users and their share of all that are ranked, in per cent."""

    band: Band
    users: int
    at: float
    width: float


@dataclass(frozen=True)
class Standing:
    """All that the page shows."""

    rows: list[Row]
    alerts: list[Line]
    shares: list[Share]
    ranked: int
    books: Books
    clock: Moment | None
    model_version: str
    horizon_days: int | None


@router.api_route("/", methods=["GET", "HEAD"])
async def first_page(
    request: Request,
    context: Wired,
    key: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    fragment: bool = False,
    session: Annotated[str | None, Cookie(alias=COOKIE)] = None,
) -> Response:
    """The page, or with `fragment=1` only the part of it that changes; who is not signed in is asked to."""
    try:
        await caller(request, SecurityScopes(["read"]), context, key, session)
    except ProblemError:
        if fragment:
            raise
        return RedirectResponse("/sign-in", 303)
    except redis.RedisError as error:
        return _page(context, fragment, None, reason(error))
    try:
        return _page(context, fragment, await run_in_threadpool(read, context), "")
    except redis.RedisError as error:
        return _page(context, fragment, None, reason(error))


def _page(context: Context, fragment: bool, standing: Standing | None, problem: str) -> Response:
    now_ms = context.clock()
    html = rendered(
        "live.html" if fragment else "index.html",
        standing=standing,
        problem=problem,
        settings=context.settings,
        read_at=Moment(rfc3339(now_ms), readable(now_ms), readable(now_ms)),
    )
    if problem:
        return HTMLResponse(html, 503, {"Retry-After": str(RETRY_AFTER_S)})
    return HTMLResponse(html)


def read(context: Context) -> Standing:
    """Reads the view.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    view = context.view
    clock_ms, horizon_days = view.clock(), view.horizon_days()
    users, sizes = view.ranked(None, USERS_SHOWN), view.band_sizes()
    stale_ms = int(context.settings.api.stale_days * DAY_MS)
    newest = max(users, key=lambda user: user.published_ms, default=None)
    return Standing(
        rows=[_row(user, clock_ms, stale_ms) for user in users],
        alerts=[_line(alert, clock_ms, horizon_days) for alert in view.alerts(ALERTS_SHOWN)],
        shares=_shares(sizes),
        ranked=sum(sizes.values()),
        books=view.books(),
        clock=None if clock_ms is None else Moment(rfc3339(clock_ms), readable(clock_ms), readable(clock_ms)),
        model_version=newest.score.model_version if newest else "",
        horizon_days=horizon_days,
    )


def _row(user: UserScore, clock_ms: int | None, stale_ms: int) -> Row:
    score = user.score
    age_ms = max(0, (clock_ms or 0) - score.as_of)
    return Row(
        user_id=score.user_id,
        risk=percent(score.risk, 1),
        cancel=percent(score.p_cancel, 1),
        lapse=percent(score.p_lapse, 1),
        cancel_width=round(score.p_cancel * 100, 1),
        lapse_width=round(score.p_lapse * 100, 1),
        band=user.band,
        level=score.level,
        last_event=None if score.last_event is None else _moment(score.last_event, clock_ms),
        events=f"{score.events:,}",
        scored=ago(age_ms) if age_ms > stale_ms else "",
    )


def _line(alert: Alert, clock_ms: int | None, horizon_days: int | None) -> Line:
    words = story(alert, horizon_days)
    return Line(alert.user_id, outcome(alert), words[0].upper() + words[1:], _moment(alert.as_of, clock_ms))


def _moment(time_ms: int, clock_ms: int | None) -> Moment:
    """How long ago by the event clock, which is the clock of the log: a replay of 2018 reads as 2018 did."""
    words = readable(time_ms) if clock_ms is None else ago(clock_ms - time_ms)
    return Moment(rfc3339(time_ms), words, readable(time_ms))


def _shares(sizes: dict[Band, int]) -> list[Share]:
    ranked, passed, shares = max(1, sum(sizes.values())), 0, []
    for band, users in sizes.items():
        shares.append(Share(band, users, round(passed * 100 / ranked, 2), round(users * 100 / ranked, 2)))
        passed += users
    return shares
