"""The page Users: the ranking with filters, and a search by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from api import cursor as cursors
from api import ranking
from api.console.search import LOOKED_AT, ids_containing
from api.console.shell import PageRoute, Shell, shown
from api.console.user_filters import Asked, Chip, address, chips, chosen, selects
from api.console.user_finding import TOLD_S, found_by, look_up
from api.console.user_rows import Row, row
from api.console.watch import EVERYTHING
from api.context import Context, Wired
from api.rendering import STEPS
from api.risks import Risk

SHOWN = 50
MATCHES = 500
"""Users whose id contains what is searched, of whom it is looked up whether they pass the filters."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True)
class Listing:
    """What is listed.

    Attributes:
        rows: the users, highest risk first.
        says: how many of how many, in words.
        empty: why nobody is listed; empty where somebody is.
        chips: the filters that hold.
        note: what was left out, if anything was.
        next, first: addresses of pages, where there are any.
        csv: address of the same users as a spreadsheet; None for a search.
        any_scores: whether anybody was ever scored.
    """

    rows: list[Row]
    says: str
    empty: str
    chips: list[Chip]
    note: str
    next: str | None
    first: str | None
    csv: str | None
    any_scores: bool


@router.api_route("/users", methods=["GET", "HEAD"])
def page(shell: Annotated[Shell, shown(EVERYTHING)], context: Wired, asked: Annotated[Asked, Query()]) -> Response:
    """The page; for a search by an id that is there, the way to that user."""
    if asked.q.strip() and not asked.fragment:
        exact = [user.score.user_id for user in context.view.users([asked.q, asked.q.strip()]) if user is not None]
        if exact and exact[0] not in STEPS:
            return RedirectResponse(f"/users/{quote(exact[0], safe='')}", 303)
    listing = _searched(context, asked) if asked.q.strip() else _listed(context, asked)
    # To look through thousands for the few of a search, or of a later page, once a second is too much: told once.
    watches = not (asked.q.strip() or (asked.cursor and asked.narrows))
    return shell.show("users.html", watches=watches, asked=asked, selects=selects(asked), listing=listing)


def _listed(context: Context, asked: Asked) -> Listing:
    risks, following, age_s = found_by(context, asked, SHOWN)
    held, notes = chosen(asked), []
    if following is not None and len(risks) < SHOWN:
        notes.append(f"{ranking.LOOKED_AT:,} users were looked at for this page. The next one goes on from there.")
    if age_s >= TOLD_S:
        notes.append(f"These users were looked for {age_s:.0f} seconds ago; their figures are new.")
    return _listing(
        context,
        asked,
        risks,
        says=_counted(context, asked, risks, following is not None),
        note=" ".join(notes),
        next=None if following is None else address(held, cursor=cursors.written(*following)),
        first=address(held) if asked.cursor else None,
        csv=address(held, "/v1/users", format="csv"),
    )


def _searched(context: Context, asked: Asked) -> Listing:
    found = ids_containing(context.view.redis, asked.q.strip(), asked.band)
    looked_up = found.user_ids[: MATCHES if asked.narrows else SHOWN]
    risks = [risk for risk in look_up(context, looked_up) if asked.fits(risk)]
    count = len(risks) if asked.narrows else len(found.user_ids)
    notes = []
    if not found.whole:
        notes.append(f"Only about {LOOKED_AT:,} ids were looked at: write the whole id to be sure.")
    if asked.narrows and len(found.user_ids) > MATCHES:
        notes.append(f"Of {len(found.user_ids):,} ids that contain this, {MATCHES:,} were looked at.")
    if not risks:
        notes.append("Whoever has cancelled or lapsed is not ranked, and is found by the whole id.")
    says = f"{count:,} found" if count <= SHOWN else f"{SHOWN} of {count:,} found"
    return _listing(context, asked, risks[:SHOWN], says=says if risks else "", note=" ".join(notes))


def _listing(context: Context, asked: Asked, risks: list[Risk], **told: Any) -> Listing:
    clock_ms, stale_days = context.view.clock(), context.settings.api.stale_days
    links: dict[str, Any] = {"next": None, "first": None, "csv": None}
    return Listing(
        rows=[row(risk, clock_ms, stale_days) for risk in risks],
        empty="" if risks else _nobody(asked, more=told.get("next") is not None),
        chips=chips(asked),
        any_scores=clock_ms is not None,
        **(links | told),
    )


def _counted(context: Context, asked: Asked, risks: list[Risk], more: bool) -> str:
    """How many are listed of how many: places, where all of a band are listed, else only what is known."""
    if not risks:
        return ""
    if asked.narrows:
        if asked.cursor is None and not more:
            return f"{len(risks):,} in all"
        return f"{len(risks):,} on this page{', and more follow' if more else ', the last one'}"
    first, total = _place(context, asked, risks[0])
    return f"{first:,}\N{EN DASH}{first + len(risks) - 1:,} of {total:,}"


def _place(context: Context, asked: Asked, risk: Risk) -> tuple[int, int]:
    """The place of somebody in what is listed, from 1, and how many there are."""
    if asked.band is None:
        return risk.rank or 1, risk.ranked
    key = f"churn:ranking:{asked.band}"
    pipe = context.view.redis.pipeline(transaction=False)
    pipe.zrevrank(key, risk.user.score.user_id)
    pipe.zcard(key)
    place, total = pipe.execute()
    return (place or 0) + 1, max(1, total)


def _nobody(asked: Asked, more: bool) -> str:
    if more:
        return "Nobody on this page fits; somebody on the next ones may."
    if asked.cursor:
        return "Nobody more fits."
    if asked.q.strip():
        return f"No ranked user's id contains “{asked.q.strip()}”."
    if asked.narrows:
        return "Nobody fits these filters now."
    if asked.band:
        return f"Nobody is in the {asked.band} band now."
    return "Nobody is ranked: everybody seen so far has cancelled or has lapsed."
