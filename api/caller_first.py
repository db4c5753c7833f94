"""Of nobody a body is read: under /v1/ it is decided who asks, and counted, before the first byte of what they send.

The framework reads and parses a body before it asks any dependency, and it does so on the event loop, where everybody
else waits for it.
"""

from __future__ import annotations

import redis
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import admit_by_head
from api.problems import no_redis

_PATHS = "/v1/"
"""All that is below takes a key. Elsewhere are health, the console's pages, which take no body, and its door."""


class CallerFirst:
    """A layer of the app (ASGI 3.0)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        asks = scope["type"] == "http" and scope["path"].startswith(_PATHS)
        await self.app(scope, _after_admitting(scope, receive) if asks else receive, send)


def _after_admitting(scope: Scope, receive: Receive) -> Receive:
    """Receives from whoever is let in. Asked only when something is received: what reads no body has it no earlier."""

    async def received() -> Message:
        if "caller" not in scope["state"]:
            await _admit(Request(scope))
        return await receive()

    return received


async def _admit(request: Request) -> None:
    try:
        await admit_by_head(request)
    except redis.RedisError as error:  # from where a body is read the framework lets only its own exceptions through
        raise no_redis(error) from None
