"""API keys by HTTP: made, listed, rotated, revoked."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.context import Context, Wired
from api.problems import ProblemError
from api.times import rfc3339
from api.user_answers import Timestamp
from churn.errors import ChurnError
from churn.keys import OVERLAP_DAYS, Key, Scope

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[needs("admin")])


class KeyAnswer(BaseModel):
    """What is known of a key. The key itself is not."""

    id: str
    name: str
    scopes: list[Scope]
    state: Literal["valid", "expired", "revoked"]
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None = Field(description="to the minute")
    requests_per_second: float | None = Field(description="null for the setting's")


class NewKey(KeyAnswer):
    """A key that was just made, and the only time that it is shown."""

    key: str


class KeyList(BaseModel):
    """Every key, oldest first; one that has ended is listed for 90 days more."""

    keys: list[KeyAnswer]


class KeyWanted(BaseModel, extra="forbid"):
    """A key to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="who has it, in words")]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    days: Annotated[float | None, Field(gt=0, le=3660)] = Field(None, description="until it expires; null for never")
    requests_per_second: Annotated[float | None, Field(ge=0.001, le=100_000)] = None


class Rotation(BaseModel, extra="forbid"):
    """A key to be made in the place of another."""

    overlap_days: Annotated[float, Field(ge=0, le=30, description="how long the old one goes on")] = OVERLAP_DAYS


@router.get("", responses=answers(example=examples.KEYS))
def keys(context: Wired) -> KeyList:
    """Every key."""
    return KeyList(keys=[KeyAnswer(**_told(context, key)) for key in context.keys.all()])


@router.post("", status_code=201, responses=answers("invalid-request", example=examples.NEW_KEY, status=201))
def create_key(context: Wired, asking: Asking, wanted: KeyWanted) -> NewKey:
    """Makes a key."""
    key, token = context.keys.create(wanted.name, wanted.scopes, wanted.days, wanted.requests_per_second)
    context.audit.note(asking.key_id, asking.name, "key.create", key.id, name=key.name, scopes=list(key.scopes))
    return NewKey(**_told(context, key), key=token)


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    responses=answers("unknown-key", "invalid-request", example=examples.NEW_KEY, status=201),
)
def rotate_key(context: Wired, asking: Asking, key_id: str, body: Rotation | None = None) -> NewKey:
    """Makes a key that may the same, while the old one goes on for a while."""
    try:
        key, token = context.keys.rotate(key_id, (body or Rotation()).overlap_days)
    except LookupError:
        raise unknown_key(key_id) from None
    except ChurnError as error:
        raise ProblemError("invalid-request", str(error)) from None
    context.audit.note(asking.key_id, asking.name, "key.rotate", key_id, new=key.id)
    return NewKey(**_told(context, key), key=token)


@router.delete("/{key_id}", responses=answers("unknown-key", example=examples.KEYS["keys"][0]))
def revoke_key(context: Wired, asking: Asking, key_id: str) -> KeyAnswer:
    """Ends a key at once, and every session that it began."""
    try:
        key = context.keys.revoke(key_id)
    except LookupError:
        raise unknown_key(key_id) from None
    context.audit.note(asking.key_id, asking.name, "key.revoke", key_id)
    return KeyAnswer(**_told(context, key))


def unknown_key(key_id: str) -> ProblemError:
    """The problem for a key that is not there."""
    return ProblemError("unknown-key", f"There is no key {key_id[:64]}.")


def _told(context: Context, key: Key) -> dict[str, object]:
    times = {name: getattr(key, f"{name}_ms") for name in ("created", "expires", "revoked", "last_used")}
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "state": key.state(context.clock()),
        **{f"{name}_at": None if ms is None else rfc3339(ms) for name, ms in times.items()},
        "requests_per_second": key.per_second,
    }
