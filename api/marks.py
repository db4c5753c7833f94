"""Snooze and acknowledge: what people say about a user, for a while."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.status import HTTP_204_NO_CONTENT

from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.callers import Caller
from api.context import Context, Wired
from api.user_answers import MarksAnswer, UserId, marks_answer
from api.users import unknown_user
from churn.audit import Audit
from churn.marks import Kind, Mark

router = APIRouter(prefix="/v1/users", tags=["users"], dependencies=[needs("write")])

_Hours = Annotated[float, Field(gt=0, le=24 * 366, description="how long, from now on")]
_Note = Annotated[str, Field(max_length=500, description="a few words for whoever sees it")]


class Snooze(BaseModel, extra="forbid"):
    """No alert about a user for a while."""

    hours: _Hours
    note: _Note = ""


class Acknowledge(BaseModel, extra="forbid"):
    """Somebody takes care of a user for a while."""

    hours: _Hours = 24 * 7
    note: _Note = ""


@router.post("/{user_id}/snooze", responses=answers("unknown-user", "invalid-request", example=examples.MARKS))
def snooze(context: Wired, asking: Asking, user_id: UserId, body: Snooze) -> MarksAnswer:
    """Raises no alert about a user until then. Who is still at high risk at the first score after it is told then."""
    return _set(context, asking, user_id, "snoozed", body)


@router.post("/{user_id}/acknowledge", responses=answers("unknown-user", "invalid-request", example=examples.MARKS))
def acknowledge(context: Wired, asking: Asking, user_id: UserId, body: Acknowledge | None = None) -> MarksAnswer:
    """Marks a user as taken care of. Alerts are raised as before."""
    return _set(context, asking, user_id, "acknowledged", body or Acknowledge())


@router.delete(
    "/{user_id}/snooze", status_code=HTTP_204_NO_CONTENT, responses=answers("unknown-user", "invalid-request")
)
def end_snooze(context: Wired, asking: Asking, user_id: UserId) -> None:
    """Ends a snooze before its time; without one nothing happens."""
    _end(context, asking, user_id, "snoozed")


@router.delete(
    "/{user_id}/acknowledge", status_code=HTTP_204_NO_CONTENT, responses=answers("unknown-user", "invalid-request")
)
def end_acknowledge(context: Wired, asking: Asking, user_id: UserId) -> None:
    """Ends an acknowledgement before its time; without one nothing happens."""
    _end(context, asking, user_id, "acknowledged")


def _set(context: Context, asking: Caller, user_id: str, kind: Kind, body: Snooze | Acknowledge) -> MarksAnswer:
    now_ms = context.clock()
    mark = Mark(now_ms + round(body.hours * 3_600_000), now_ms, asking.name, body.note)

    def note(audit: Audit) -> None:
        audit.note(asking.key_id, asking.name, f"user.{kind}", user_id, hours=body.hours)

    if not context.marks.set(user_id, kind, mark, note):
        raise unknown_user(user_id)
    return MarksAnswer(**marks_answer(context.marks.of([user_id])[0]))


def _end(context: Context, asking: Caller, user_id: str, kind: Kind) -> None:
    def note(audit: Audit) -> None:
        audit.note(asking.key_id, asking.name, f"user.not-{kind}", user_id)

    if not context.marks.clear(user_id, kind, note):
        raise unknown_user(user_id)
