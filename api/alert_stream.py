"""`GET /v1/alerts/stream`: server-sent events, resumed where a lost connection left off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from api import examples, server_sent
from api.access import Asking, needs
from api.alert_feed import gap, here
from api.answers import answers
from api.context import Context, Wired
from api.passes import Pass

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], dependencies=[needs("read")])

RESUMED = 1000
"""Alerts that are told again at most; who has missed more reads the list."""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"example": examples.ALERT_EVENT}}}
}


@router.get("/stream", response_class=StreamingResponse, responses=answers() | _STREAM)
async def alert_stream(
    request: Request,
    context: Wired,
    asking: Asking,
    last_event_id: Annotated[str | None, Header(max_length=64, description="the last event that was received")] = None,
) -> StreamingResponse:
    """Alerts as they are raised."""
    begin = None if last_event_id is None else await context.feed.read(context.feed.place_of, last_event_id)
    held = server_sent.pass_of(request, asking)
    return server_sent.answer(context, asking, _events(context, held, begin, missed=last_event_id is not None))


async def _events(context: Context, held: Pass, begin: int | None, missed: bool) -> AsyncIterator[bytes]:
    yield server_sent.RETRY
    async with context.feed.listening() as (listener, place):
        after = place if begin is None else max(begin, place - RESUMED)
        yield gap(after) if missed and after != begin else here(after)  # who then gets nothing resumes all the same
        if missed:
            for each in await context.feed.read(context.feed.between, after, place):
                yield each
        async for each in server_sent.told(context, held, listener):
            yield each
