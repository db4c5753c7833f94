"""Deliveries of webhooks by HTTP: what became of each, and sending them once more."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import cursor as cursors
from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.context import Context, Wired
from api.cursor import Cursor
from api.problems import ProblemError
from api.times import Instant, rfc3339
from api.user_answers import Timestamp
from api.webhooks.deliveries import Delivery, DeliveryState
from api.webhooks.endpoint_routes import Queued, known

router = APIRouter(prefix="/v1", tags=["webhooks"], dependencies=[needs("admin")])


class DeliveryAnswer(BaseModel):
    """What became of one message to one endpoint."""

    id: str = Field(description="the header webhook-id, the same at every attempt")
    endpoint: str
    alert: str | None = Field(description="which alert it is about")
    type: str
    state: DeliveryState = Field(description="dead: it has failed for the last time")
    tries: int
    created_at: Timestamp
    due_at: Timestamp | None = Field(description="when it is tried again")
    ended_at: Timestamp | None = Field(description="when it was delivered, or died")


class AttemptAnswer(BaseModel):
    """One attempt."""

    at: Timestamp
    status: int | None = Field(description="of the answer; null if none came")
    error: str = Field(description="why none came; empty otherwise")
    duration_ms: int
    answer: str = Field(description="its first kilobyte")


class DeliveryWithAttempts(DeliveryAnswer):
    """A delivery with its attempts."""

    body: str = Field(description="as it is signed and posted")
    attempts: list[AttemptAnswer] = Field(description="oldest first; the last 50")


class DeliveryList(BaseModel):
    """A page of deliveries."""

    deliveries: list[DeliveryAnswer]
    next: str | None = Field(description="cursor of the next page, null when there is none; a page may be short")


class ReplaySince(BaseModel, extra="forbid"):
    """Which dead deliveries are sent once more."""

    since: Annotated[Instant, Field(description="those that died from then on, RFC 3339")]


class Replayed(BaseModel):
    """How many are sent once more."""

    deliveries: int


@router.get(
    "/endpoints/{endpoint_id}/deliveries",
    responses=answers("unknown-endpoint", "invalid-request", example=examples.DELIVERIES),
)
def deliveries(
    context: Wired,
    endpoint_id: str,
    state: Annotated[DeliveryState | None, Query(description="only these")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 50,
    cursor: Cursor = None,
) -> DeliveryList:
    """Deliveries to an endpoint, newest first."""
    known(context, endpoint_id)
    before = cursors.read(cursor, int, str) if cursor else None
    found = context.deliveries.newest(endpoint_id, None if before is None else (before[0], before[1]), limit)
    last = found[-1] if len(found) == limit else None
    return DeliveryList(
        deliveries=[DeliveryAnswer(**_told(each)) for each in found if state is None or each.state == state],
        next=None if last is None else cursors.written(last.created_ms, last.id),
    )


@router.get("/deliveries/{delivery_id}", responses=answers("unknown-delivery", example=examples.DELIVERY))
def one_delivery(context: Wired, delivery_id: str) -> DeliveryWithAttempts:
    """One delivery with its attempts."""
    found = _known(context, delivery_id)
    attempts = [
        AttemptAnswer(
            at=rfc3339(each.at_ms), status=each.status, error=each.error, duration_ms=each.duration_ms,
            answer=each.answer,
        )
        for each in context.deliveries.attempts(delivery_id)
    ]  # fmt: skip
    return DeliveryWithAttempts(**_told(found), body=found.body, attempts=attempts)


@router.post(
    "/deliveries/{delivery_id}/replay",
    status_code=202,
    responses=answers("unknown-delivery", example=examples.QUEUED, status=202),
)
def replay(context: Wired, asking: Asking, delivery_id: str) -> Queued:
    """Sends one once more, with the same id, whatever became of it."""
    if not context.deliveries.replay(delivery_id):
        raise _unknown(delivery_id)
    context.audit.note(asking.key_id, asking.name, "delivery.replay", delivery_id)
    return Queued(delivery=delivery_id)


@router.post(
    "/endpoints/{endpoint_id}/replay",
    status_code=202,
    responses=answers("unknown-endpoint", "invalid-request", example=examples.REPLAYED, status=202),
)
def replay_dead(context: Wired, asking: Asking, endpoint_id: str, wanted: ReplaySince) -> Replayed:
    """Sends all dead deliveries to an endpoint once more that died since a time, whenever they were made."""
    known(context, endpoint_id)
    count = context.deliveries.replay_dead(endpoint_id, wanted.since)
    context.audit.note(asking.key_id, asking.name, "endpoint.replay", endpoint_id, deliveries=count)
    return Replayed(deliveries=count)


def _known(context: Context, delivery_id: str) -> Delivery:
    try:
        return context.deliveries.get(delivery_id)
    except LookupError:
        raise _unknown(delivery_id) from None


def _unknown(delivery_id: str) -> ProblemError:
    return ProblemError("unknown-delivery", f"There is no delivery {delivery_id[:64]}.")


def _told(delivery: Delivery) -> dict[str, Any]:
    due_ms = delivery.due_ms if delivery.state == "waiting" else None
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "alert": delivery.alert or None,
        "type": delivery.type,
        "state": delivery.state,
        "tries": delivery.tries,
        "created_at": rfc3339(delivery.created_ms),
        "due_at": None if due_ms is None else rfc3339(due_ms),
        "ended_at": None if delivery.ended_ms is None else rfc3339(delivery.ended_ms),
    }
