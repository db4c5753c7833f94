"""Forgetting a user: what was erased, and what remains until when."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api import examples
from api.access import Asking, needs
from api.answers import answers
from api.context import Context, Wired
from api.problems import ProblemError
from api.sending import Record
from api.times import rfc3339
from api.user_answers import Timestamp, UserId
from churn import topics
from churn.errors import ChurnError
from churn.forgotten import marker_record
from churn.settings import DAY_MS
from churn.view_records import Erased

router = APIRouter(prefix="/v1/users", tags=["users"], dependencies=[needs("admin")])


class ErasedThing(BaseModel):
    """What was erased at once."""

    what: str
    count: int


class RemainingThing(BaseModel):
    """What is still somewhere."""

    what: str
    where: str
    until: str


class Receipt(BaseModel):
    """That a user was forgotten."""

    user_id: str
    forgotten_at: Timestamp
    marker: str = Field(description="the keyed hash of the id, by which the user is known and passed over from now on")
    erased: list[ErasedThing]
    remains: list[RemainingThing]


@router.delete("/{user_id}", responses=answers("no-secret", "kafka-unavailable", example=examples.RECEIPT))
def forget(context: Wired, asking: Asking, user_id: UserId) -> Receipt:
    """Forgets a user, known or not: erases them here, and passes over whatever still arrives of them.

    Asked again it does the same once more, and the receipt says that nothing was left to erase.
    """
    if context.secret_keys is None:
        raise ProblemError("no-secret", "Set secrets.key_file: without it nobody is known again.")
    marker = context.secret_keys.markers(user_id)[0]
    held = _counts(context.view.held(user_id))  # before anybody is told: publish may erase it sooner than we do
    tell_topic(context, user_id, marker)
    erased = _counts(context.view.forget(user_id, marker))
    entries = context.audit.erase(user_id)
    context.audit.note(asking.key_id, asking.name, "user.forget", marker)
    counts = {what: max(count, erased[what]) for what, count in held.items()} | {"audit entries": entries}
    return Receipt(
        user_id=user_id,
        forgotten_at=rfc3339(context.clock()),
        marker=marker,
        erased=[ErasedThing(what=what, count=count) for what, count in counts.items()],
        remains=_remains(context),
    )


def tell_topic(context: Context, user_id: str, marker: str) -> None:
    """First of all, so that publish finishes what the API may not: a marker, and a tombstone on either side of it.

    All in the user's partition, which the first tombstone tells. Scores between the two that come first are erased by
    the last one; after the marker there are none.

    Raises:
        ProblemError: Kafka does not serve; nothing was erased yet.
    """
    topic, (key, value) = context.settings.kafka.scores_topic, marker_record(marker)
    tombstone = Record(topic, user_id.encode(), None)
    (partition,) = context.sending.send([tombstone])
    context.sending.send([Record(topic, key, value, partition), tombstone])


def _counts(erased: Erased) -> dict[str, int]:
    """As a receipt names them."""
    return {
        "score": erased.scores,
        "history points": erased.points,
        "moments with features": erased.moments,
        "snooze and acknowledgement": erased.marks,
        "alerts": len(erased.alerts),
        "webhook deliveries": erased.deliveries,
    }


def _remains(context: Context) -> list[RemainingThing]:
    kafka = context.settings.kafka
    return [
        RemainingThing(what="events", where=f"topic {kafka.events_topic}", until=_retention(context)),
        RemainingThing(
            what="older score records", where=f"topic {kafka.scores_topic}", until="the broker compacts the topic"
        ),
        RemainingThing(
            what="rolling features, and score records that nobody reads",
            where=f"the stream's checkpoint and topic {kafka.scores_topic}",
            until="the next bootstrap on a new checkpoint and new topics",
        ),
        RemainingThing(what="events", where="logs kept for training", until="whoever keeps them erases them"),
        RemainingThing(what="all that was erased", where="backups of Redis", until="whoever keeps them erases them"),
    ]


def _retention(context: Context) -> str:
    try:
        kept_ms = topics.retention_ms(context.settings.kafka, context.settings.kafka.events_topic)
    except ChurnError:
        return "the topic's retention is over; it could not be asked now"
    if kept_ms is None:
        return "whoever keeps the topic erases them: its retention has no end"
    return f"at the latest {rfc3339(context.clock() + kept_ms)}: the topic keeps an event for {kept_ms / DAY_MS:g} days"
