"""Around every request: its id, safe headers, limits for its body, its count and duration, a calm answer to a fault."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError, unexpected
from churn.metrics import API_REQUEST_SECONDS, API_REQUESTS

log = logging.getLogger(__name__)
requests = structlog.get_logger()

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with it a browser sends the origin of its own forms as null, and is taken for another site.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
# Anybody may send any word as a method; a metric's labels must stay few.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_REQUEST_ID = re.compile("[0-9A-Za-z._-]{1,64}")

BODY_BYTES = 64 << 10
BODY_S = 20.0
OTHER_BODIES = {"/v1/events": 8 << 20, "/v1/users/risk": 512 << 10, "/sign-in": 4096}
"""5,000 events of more than a kilobyte each; 1,000 ids of 256 characters, of two bytes each; a key."""


class Boundary:
    """The outermost layer of the app (ASGI 3.0)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # As it came: decoded, a slash or a line break in a user's id would be taken for the end of it.
        scope["path"] = scope["raw_path"].decode("latin-1")
        began_s, status, stream = time.perf_counter(), 0, False
        scope.setdefault("state", {})["request_id"] = _request_id(scope)

        async def guarded(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status, headers = message["status"], MutableHeaders(scope=message)
                stream = headers.get("content-type", "").startswith("text/event-stream")
                _add_headers(headers, scope)
            await send(message)

        try:
            await self.app(scope, _limited(scope, receive), guarded)
        except Exception:
            log.exception("a request failed")
            if status:  # the answer has begun: it can only be cut short
                raise
            await unexpected(Request(scope))(scope, receive, guarded)
        finally:
            # How long a client has listened says nothing of how fast it was answered.
            _note(scope, status or 500, None if stream else time.perf_counter() - began_s)


def _request_id(scope: Scope) -> str:
    """What the caller calls the request, if that can stand in a log, or a name of our own."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Gives a body no more than its size and its time."""
    most = OTHER_BODIES.get(scope["path"], BODY_BYTES)
    declared = Headers(scope=scope).get("content-length", "")
    came, whole, began_s = 0, False, time.monotonic()

    async def limited() -> Message:
        nonlocal came, whole
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(max(0.0, BODY_S - (time.monotonic() - began_s)) if not whole else None):
                message = await receive()
        except TimeoutError:
            raise ProblemError("too-slow", f"The body did not arrive within {BODY_S:.0f} seconds.") from None
        came, whole = came + len(message.get("body", b"")), not message.get("more_body")
        if came > most:
            raise _too_large(most)
        return message

    return limited


def _too_large(most: int) -> ProblemError:
    return ProblemError("too-large", f"A body may have at most {most:,} bytes here.", {"Connection": "close"})


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    headers["x-request-id"] = scope["state"]["request_id"]
    # What is said of people is never stored on the way; style and script may be, but are asked about.
    headers.setdefault("cache-control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
    caller = scope["state"].get("caller")
    if caller is not None and caller.key_id:
        headers["ratelimit-limit"] = str(caller.limit)
        headers["ratelimit-remaining"] = str(caller.left)
        headers["ratelimit-reset"] = str(caller.wait_s)


def _note(scope: Scope, status: int, took_s: float | None) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    labels = (method, _template(scope), str(status))
    API_REQUESTS.labels(*labels).inc()
    if took_s is not None:
        API_REQUEST_SECONDS.labels(*labels).observe(took_s)
    if method not in ("GET", "HEAD") or status >= 500:
        caller = scope["state"].get("caller")
        requests.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=method,
            route=labels[1],
            status=status,
            ms=None if took_s is None else round(took_s * 1000, 1),
            key=caller.key_id if caller else "",
        )


def _template(scope: Scope) -> str:
    """The route's template, never the path: a path holds user ids, and there is no end of them."""
    if scope["path"].startswith("/static/"):
        return "/static"
    return str(getattr(scope.get("route"), "path_format", "unknown"))
