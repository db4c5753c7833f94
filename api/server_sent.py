"""Server-sent events (HTML Living Standard, 9.2): a stream that is bounded per key and ends with its key or session."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import redis
from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.access import COOKIE
from api.callers import Caller
from api.context import Context
from api.listeners import Listener
from api.passes import Pass
from api.problems import ProblemError

HEARTBEAT_S = 15.0
"""How often a stream says that it is alive, and looks whether its key is."""
RETRY_MS = 2000
RETRY = b"retry: %d\n\n" % RETRY_MS
"""How long a client waits before it connects again, ms."""


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


def answer(context: Context, asking: Caller, events: AsyncIterator[bytes]) -> StreamingResponse:
    """Sends events to whoever asks.

    Raises:
        ProblemError: their key has as many streams as it may.
    """
    most = context.settings.api.streams_per_key
    if not context.feed.enter(asking.key_id, most):
        detail = f"The key listens {most:,} times already, which is as often as it may."
        raise ProblemError("too-many-requests", detail, {"Retry-After": str(round(HEARTBEAT_S))})
    return _Stream(events, partial(context.feed.leave, asking.key_id))


def retry() -> bytes:
    """As :data:`RETRY`, but up to twice as long: not all pages are to come back at the same moment."""
    return b"retry: %d\n\n" % (RETRY_MS + secrets.randbelow(RETRY_MS + 1))


def pass_of(request: Request, asking: Caller) -> Pass:
    """By what somebody listens."""
    return Pass(asking.key_id, request.cookies.get(COOKIE, "") if asking.session else None)


async def told(context: Context, held: Pass, listener: Listener) -> AsyncIterator[bytes]:
    """What a listener is told, with signs of life between, until it is let go or its key does not hold any more."""
    heartbeat_s = time.monotonic() + HEARTBEAT_S
    while True:
        left_s = heartbeat_s - time.monotonic()
        if left_s <= 0:  # also while there is something to tell all the time
            if not await _may_go_on(context, held):
                return
            yield b": still here\n\n"
            heartbeat_s = time.monotonic() + HEARTBEAT_S
            continue
        try:
            waiting = await asyncio.wait_for(listener.told(), left_s)
        except TimeoutError:
            continue
        if waiting is None:
            return
        yield waiting


async def _may_go_on(context: Context, held: Pass) -> bool:
    """Whether the key, and the session if a browser listens, holds still."""
    try:
        return await context.passes.ask(held)
    except redis.RedisError:  # it will be known the next time
        return True
