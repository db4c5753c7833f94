"""The page Data: what came in, when, from whom, and what could not be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from api.console import data_charts
from api.console.ages import KEEP_S, Sample, chances_by_age, sample, users_by_age
from api.console.data_letters import letters
from api.console.data_rhythm import rhythm
from api.console.moments import Moment, now_of
from api.console.shell import PageRoute, Shell, shown
from api.console.user_spans import day
from api.console.watch import INCOMING
from api.context import Context, Wired
from churn.tally_reader import Tally, read

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_Shown = Annotated[Shell, shown(INCOMING)]

DAYS = 28


@dataclass(frozen=True)
class Head:
    """The headline.

    Attributes:
        events: how many.
        days: on how many days, and which.
        since: when counting began.
        passed: what was passed over, and why.
        beside: what else came.
    """

    events: str
    days: str
    since: Moment
    passed: str
    beside: str


@router.api_route("/data", methods=["GET", "HEAD"])
def page(shell: _Shown, context: Wired) -> Response:
    """The page."""
    tally, found = read(context.view.redis, DAYS), _sample(context)
    days = tally.days if tally else ()
    there = any(each.events for each in days)
    return shell.show(
        "data.html",
        per_second=context.settings.publish.tally_per_second,
        tally=tally,
        head=_head(tally, context.settings.publish.tally_per_second) if tally and there else None,
        per_day=data_charts.per_day(tally) if tally and there else None,
        rhythm=rhythm(days, tally.since_ms, context.view.clock()) if tally and there else None,
        by_page=data_charts.pages(days) if there else None,
        levels=data_charts.levels(days, found) if there or found.users else None,
        ages=users_by_age(found) if found.users else None,
        chances=chances_by_age(found) if any(each.age_days is not None for each in found.users) else None,
        letters=letters(tally) if tally else None,
        since=now_of(tally.since_ms) if tally else None,
    )


def _sample(context: Context) -> Sample:
    # The first scores are not kept waiting.
    known = context.remembered.get("ages", KEEP_S, lambda: sample(context.view), lambda held: bool(held.users))
    return replace(known.value, age_s=known.age_s)


def _head(tally: Tally, per_second: int) -> Head:
    events = sum(each.events for each in tally.days)
    days = sum(each.events > 0 for each in tally.days)
    return Head(
        events=_many(events, "event"),
        days=f"came in on {days} of the {DAYS} days of event time up to {day(tally.dates[-1], year=True)}",
        since=now_of(tally.since_ms),
        passed=_passed(tally, per_second),
        beside=_beside(tally),
    )


def _passed(tally: Tally, per_second: int) -> str:
    if not tally.passed:
        return "no record was passed over"
    limit = f"faster than {per_second:,} a second" if per_second else "too fast"
    return f"{_many(tally.passed, 'record')} {'was' if tally.passed == 1 else 'were'} passed over that came {limit}"


def _beside(tally: Tally) -> str:
    heartbeats = sum(each.heartbeats for each in tally.days)
    openings = sum(each.openings for each in tally.days)
    logged_out = sum(each.logged_out for each in tally.days)
    said = f"{logged_out:,} of the events are of nobody who was logged in."
    if not heartbeats and not openings:
        return said
    return (
        f"{said} Beside the events came {_many(heartbeats, 'heartbeat')}, which churn publish sends itself, and "
        f"{_many(openings, 'opening')}."
    )


def _many(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"
