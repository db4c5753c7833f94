"""Around every request: safe headers, its count and duration, and a calm answer to what nobody foresaw."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import unexpected
from churn.metrics import API_REQUEST_SECONDS, API_REQUESTS

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
# Anybody may send any word as a method; a metric's labels must stay few.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Boundary:
    """The outermost layer of the app (ASGI 3.0)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        except Exception:
            log.exception("a request failed")
            if status:  # the answer has begun: it can only be cut short
                raise
            await unexpected(scope["path"])(scope, receive, guarded)
        finally:
            _count(scope, status or 500, time.perf_counter() - began_s)


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    # What is said of people is never stored on the way; style and script may be, but are asked about.
    headers["cache-control"] = "no-cache" if path.startswith("/static/") else "no-store"


def _count(scope: Scope, status: int, took_s: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    labels = (method, _template(scope), str(status))
    API_REQUESTS.labels(*labels).inc()
    API_REQUEST_SECONDS.labels(*labels).observe(took_s)


def _template(scope: Scope) -> str:
    """The route's template, never the path: a path holds user ids, and there is no end of them."""
    if scope["path"].startswith("/static/"):
        return "/static"
    return str(getattr(scope.get("route"), "path_format", "unknown"))
