"""The audit log by HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import cursor as cursors
from api import examples
from api.access import needs
from api.answers import answers
from api.context import Wired
from api.cursor import Cursor
from api.times import rfc3339
from api.user_answers import Timestamp

router = APIRouter(prefix="/v1/audit", tags=["operation"], dependencies=[needs("admin")])


class AuditEntry(BaseModel):
    """One change."""

    id: str
    at: Timestamp
    by: str = Field(description="id of the key, or: command line")
    name: str = Field(description="of the key")
    action: str = Field(examples=["endpoint.create"])
    subject: str = Field(description="what was changed")
    details: dict[str, Any]


class AuditList(BaseModel):
    """A page of the log."""

    entries: list[AuditEntry]
    next: str | None = Field(description="cursor of the next page, null when there is none")


@router.get("", responses=answers("invalid-request", example=examples.AUDIT))
def audit(
    context: Wired,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    cursor: Cursor = None,
) -> AuditList:
    """Every change through the API and the command line, newest first; the last 100,000 or so."""
    before = cursors.read(cursor, str)[0] if cursor else None
    try:
        found = context.audit.newest(limit, before)
    except ValueError:
        raise cursors.foreign() from None
    return AuditList(
        entries=[
            AuditEntry(
                id=each.id, at=rfc3339(each.at_ms), by=each.by, name=each.name, action=each.action,
                subject=each.subject, details=each.details,
            )
            for each in found
        ],
        next=cursors.written(found[-1].id) if len(found) == limit else None,
    )  # fmt: skip
