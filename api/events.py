"""Events by HTTP: judged as the stream does, sent to Kafka, and acknowledged when every replica has them."""

from __future__ import annotations

from typing import Annotated, Any, cast

from anyio import to_thread
from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.responses import Response

from api import examples, functions
from api.access import Asking, needs
from api.answers import answers
from api.callers import Caller
from api.context import Context, Wired
from api.posted_events import JSON, NDJSON, WORDS, Judged, judge
from api.problems import ProblemError
from api.sending import Record
from churn.errors import ChurnError
from churn.settings import DAY_MS

router = APIRouter(prefix="/v1/events", tags=["events"], dependencies=[needs("events")])


WAITING = 64
"""Requests that wait for others to be acknowledged; more are not taken in."""


class LineError(BaseModel):
    """Why one event was not taken."""

    line: int = Field(description="its place in the body, from 1; blank lines do not count")
    reason: str
    detail: str


class Accepted(BaseModel):
    """What became of the events."""

    accepted: int = Field(description="Kafka has them, on every replica")
    ignored: int = Field(description="of users who were forgotten")
    errors: list[LineError]


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "maxItems": 5000}]
                },
                "example": examples.EVENT,
            },
            NDJSON[0]: {"schema": {"type": "string"}, "example": examples.EVENT_LINES},
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    openapi_extra=_BODY,
    responses=answers(
        "too-large", "too-slow", "unsupported-media-type", "invalid-request", "invalid-events", "in-progress",
        "key-reused", "kafka-unavailable", "no-secret", example=examples.ACCEPTED, status=202,
    ),
)  # fmt: skip
async def post_events(
    request: Request,
    context: Wired,
    asking: Asking,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=255, description="sent again with it, the same answer comes")
    ] = None,
) -> Response:
    """Takes an event, an array of them, or up to 5,000 lines. Sending the same event twice counts it once."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()

    if context.posting.statistics().tasks_waiting >= WAITING:
        raise ProblemError(
            "kafka-unavailable", "Kafka takes no more for now; send the same again.", {"Retry-After": "5"}
        )
    # Few at a time, apart from the threads of other requests: a body may take a second and 100 MB to be judged, and
    # without Kafka its events wait for seconds.
    judged = await to_thread.run_sync(judge, body, media_type, context.clock(), limiter=context.judging)

    def work() -> dict[str, Any]:
        return take(context, asking, judged)

    def once() -> tuple[dict[str, Any], bool]:
        if idempotency_key is None:
            return work(), False
        sent = media_type.encode() + b"\n" + body
        return context.idempotency.once(asking.key_id, idempotency_key, sent, work)

    answer, again = await to_thread.run_sync(once, limiter=context.posting)
    headers = {"Idempotency-Replayed": "true"} if again else None
    return Response(to_json(answer), 202, headers, "application/json")


def take(context: Context, asking: Caller, judged: Judged) -> dict[str, Any]:
    """Sends what is valid, and answers for every line.

    Raises:
        ProblemError: nothing is valid, or Kafka does not serve.
    """
    try:
        context.forgotten.renew()
    except ChurnError as error:
        raise ProblemError("no-secret", str(error)) from None
    kept = [each for each in judged.valid if not context.forgotten.holds(each.event.user_id)]
    ignored = len(judged.valid) - len(kept)
    known = _admitted(context, asking, sorted({each.event.user_id for each in kept} - {""}))
    refused = judged.refused | {
        each.line: "too-many-new-users"
        for each in kept
        if not each.event.logged_out and each.event.user_id not in known
    }
    topic = context.settings.kafka.events_topic
    errors = [{"line": line, "reason": why, "detail": WORDS[why]} for line, why in sorted(refused.items())]
    sent = [each for each in kept if each.line not in refused]
    if errors and not sent and not ignored:
        raise ProblemError("invalid-events", f"None of {len(errors)} events is valid.", errors=errors)
    context.sending.send(Record(topic, each.event.user_id.encode(errors="replace") or None, each.raw) for each in sent)
    return {"accepted": len(sent), "ignored": ignored, "errors": errors}


def _admitted(context: Context, asking: Caller, user_ids: list[str]) -> set[str]:
    """Those whom we know, or whom this key may bring today."""
    if not user_ids:
        return set()
    day = context.clock() // DAY_MS
    most, kept_s = context.settings.api.new_users_per_day, 2 * DAY_MS // 1000
    found = functions.call(
        context.view.redis, "churn_admit_users", f"churn:new-users:{asking.key_id}:{day}", most, kept_s, *user_ids
    )
    return {user_id for user_id, may in zip(user_ids, cast("list[int]", found), strict=True) if may}
