"""The ranking of active users, in pages or as a spreadsheet."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from api import cursor as cursors
from api import examples
from api.access import needs
from api.answers import answers, kept
from api.context import Context, Wired
from api.cursor import Cursor
from api.risks import Risk
from api.user_answers import UserSummary, summary
from churn.features import Driver, Level

router = APIRouter(prefix="/v1/users", tags=["users"], dependencies=[needs("read")])

RankedBand = Literal["high", "medium", "low"]

CHUNK = 200
LOOKED_AT = 5000
"""Users looked at for one page: a filter that few pass gives a short page and the cursor to go on."""


class UserList(BaseModel):
    """A page of the ranking."""

    users: list[UserSummary]
    total: int = Field(description="how many users are ranked in this band, or in all, other filters aside")
    next: str | None = Field(description="cursor of the next page, null when there is none; a page may be short")


class Filters(BaseModel):
    """Who is wanted, and which page of them; what is left out leaves nobody out."""

    band: RankedBand | None = Field(None, description="only this band")
    driver: Driver | None = Field(None, description="only whose risk this driver raises most")
    level: Level | None = Field(None, description="only this plan")
    mark: Literal["snoozed", "acknowledged", "none"] | None = Field(None, description="only who has this mark, or none")
    limit: int | None = Field(None, ge=1, le=1000, description="at most so many; 50, or all in CSV")
    cursor: Cursor = None
    format: Literal["json", "csv"] | None = Field(
        None, description="of the answer, for a link, which cannot send a header; by default what Accept asks for"
    )

    def fits(self, risk: Risk) -> bool:
        """Whether a user is wanted; the band is taken care of by the ranking itself."""
        marked = self.mark is None or (not risk.marks if self.mark == "none" else self.mark in risk.marks)
        return (
            marked
            and (self.driver is None or risk.driver == self.driver)
            and (self.level is None or risk.user.score.level == self.level)
        )


_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/json": {"example": kept(examples.USERS)}, "text/csv": {"example": examples.USERS_CSV}}
    }
}


@router.get("", response_model=UserList, responses=answers("invalid-request") | _CSV)
def ranked_users(
    context: Wired,
    filters: Annotated[Filters, Query()],
    accept: Annotated[str, Header(description="application/json, or text/csv for a spreadsheet")] = "",
) -> Response:
    """Active users, highest risk first."""
    place = cursors.read(filters.cursor, float, str) if filters.cursor else None
    if filters.format == "csv" or (filters.format is None and "text/csv" in accept):
        rows = _csv(context, filters, place, filters.limit or sys.maxsize)
        headers = {"Content-Disposition": 'attachment; filename="users.csv"'}
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)
    risks, following = page(context, filters, place, filters.limit or 50)
    sizes = context.view.band_sizes()
    return Response(
        to_json(
            {
                "users": [summary(risk, context.settings.api.stale_days) for risk in risks],
                "total": sizes[filters.band] if filters.band else sum(sizes.values()),
                "next": None if following is None else cursors.written(*following),
            }
        ),
        media_type="application/json",
    )


def page(
    context: Context, filters: Filters, place: tuple[Any, ...] | None, limit: int
) -> tuple[list[Risk], tuple[float, str] | None]:
    """Some users, and the place behind the last one that was looked at; None at the end of the ranking."""
    found: list[Risk] = []
    at = None if place is None else (float(place[0]), str(place[1]))
    for _ in range(LOOKED_AT // CHUNK):
        ranked = context.view.ranked_after(filters.band, at, CHUNK)
        risks = context.risks.look_up([user_id for user_id, _ in ranked]) if ranked else []
        for (user_id, value), risk in zip(ranked, risks, strict=True):
            at = (value, user_id)
            if risk is not None and filters.fits(risk):
                found.append(risk)
                if len(found) == limit:
                    return found, at
        if len(ranked) < CHUNK:
            return found, None
    return found, at


_COLUMNS = (
    "user_id", "risk", "p_cancel", "p_lapse", "band", "band_since", "status", "level", "driver", "reason", "last_event",
    "events", "cold", "as_of", "stale", "model_version",
)  # fmt: skip


def _csv(context: Context, filters: Filters, place: tuple[Any, ...] | None, limit: int) -> Iterator[str]:
    """RFC 4180, with a head; page by page, so that nobody has to hold all of it."""
    yield _line(_COLUMNS)
    following = place
    while limit > 0:
        risks, following = page(context, filters, following, min(limit, 1000))
        limit -= len(risks)
        yield "".join(_row(context, risk) for risk in risks)  # at once: each piece costs a change of threads
        if following is None:
            return


def _row(context: Context, risk: Risk) -> str:
    told = summary(risk, context.settings.api.stale_days)
    told["reason"] = "".join(each["words"] for each in told["reasons"] or [] if each["driver"] == risk.driver)
    return _line([told[column] for column in _COLUMNS])


def _line(cells: Any) -> str:
    held = io.StringIO()
    csv.writer(held).writerow([_harmless(cell) for cell in cells])
    return held.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def _harmless(cell: Any) -> Any:
    """A user id comes from the log: a spreadsheet must not take it for a formula (OWASP: CSV injection)."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
