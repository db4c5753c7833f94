"""`GET /v1/alerts/stream`: server-sent events, resumed where a lost connection left off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

import redis
from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api import examples
from api.access import COOKIE, Asking, needs
from api.alert_feed import GAP
from api.answers import answers
from api.context import Context, Wired
from api.passes import Pass
from api.problems import ProblemError

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], dependencies=[needs("read")])

HEARTBEAT_S = 15.0
"""How often a stream says that it is alive, and looks whether its key is."""
RESUMED = 1000
"""Alerts that are told again at most; who has missed more reads the list."""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"example": examples.ALERT_EVENT}}}
}


class _Stream(StreamingResponse):
    """Tells when it is over, also where nobody has read any of it."""

    def __init__(self, content: AsyncIterator[bytes], over: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


@router.get("/stream", response_class=StreamingResponse, responses=answers() | _STREAM)
async def alert_stream(
    request: Request,
    context: Wired,
    asking: Asking,
    last_event_id: Annotated[str | None, Header(max_length=64, description="the last event that was received")] = None,
) -> StreamingResponse:
    """Alerts as they are raised."""
    begin = None if last_event_id is None else await context.feed.read(context.view.alert_place, last_event_id)
    held = Pass(asking.key_id, request.cookies.get(COOKIE, "") if asking.session else None)
    most = context.settings.api.streams_per_key
    if not context.feed.enter(asking.key_id, most):
        detail = f"The key listens {most:,} times already, which is as often as it may."
        raise ProblemError("too-many-requests", detail, {"Retry-After": str(round(HEARTBEAT_S))})
    stream = _events(context, held, begin, missed=last_event_id is not None)
    return _Stream(stream, partial(context.feed.leave, asking.key_id))


async def _may_go_on(context: Context, held: Pass) -> bool:
    """Whether the key, and the session if a browser listens, holds still."""
    try:
        return await context.passes.ask(held)
    except redis.RedisError:  # it will be known the next time
        return True


async def _events(context: Context, held: Pass, begin: int | None, missed: bool) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async with context.feed.listening() as (listener, place):
        if missed:
            after = place if begin is None else max(begin, place - RESUMED)
            if after != begin:
                yield GAP
            for each in await context.feed.read(context.feed.between, after, place):
                yield each
        heartbeat_s = time.monotonic() + HEARTBEAT_S
        while True:
            left_s = heartbeat_s - time.monotonic()
            if left_s <= 0:  # also while alerts come all the time
                if not await _may_go_on(context, held):
                    return
                yield b": still here\n\n"
                heartbeat_s = time.monotonic() + HEARTBEAT_S
                continue
            try:
                waiting = await asyncio.wait_for(listener.waiting.get(), left_s)
            except TimeoutError:
                continue
            if waiting is None:
                return
            yield waiting
