"""`GET /v1/alerts/stream`: server-sent events, resumed where a lost connection left off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from api import examples
from api.access import needs
from api.alert_feed import GAP
from api.answers import answers
from api.context import Context, Wired

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], dependencies=[needs("read")])

HEARTBEAT_S = 15.0
RESUMED = 1000
"""Alerts that are told again at most; who has missed more reads the list."""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"example": examples.ALERT_EVENT}}}
}


@router.get("/stream", response_class=StreamingResponse, responses=answers() | _STREAM)
async def alert_stream(
    context: Wired,
    last_event_id: Annotated[str | None, Header(max_length=64, description="the last event that was received")] = None,
) -> StreamingResponse:
    """Alerts as they are raised."""
    begin = None if last_event_id is None else await asyncio.to_thread(context.view.alert_place, last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _events(context, begin, missed=last_event_id is not None)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _events(context: Context, begin: int | None, missed: bool) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async with context.feed.listening() as (listener, place):
        if missed:
            after = place if begin is None else max(begin, place - RESUMED)
            if after != begin:
                yield GAP
            for each in await asyncio.to_thread(context.feed.between, after, place):
                yield each
        while True:
            try:
                waiting = await asyncio.wait_for(listener.waiting.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if waiting is None:
                return
            yield waiting
