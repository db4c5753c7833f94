"""The application: the parts put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from api import (
    alert_stream,
    alerts,
    audit_routes,
    backtests,
    document,
    events,
    forgetting,
    health,
    key_routes,
    least_change,
    marks,
    past,
    policies,
    problems,
    ranking,
    sign_in,
    sweeps,
    users,
    what_if,
)
from api.boundary import Boundary
from api.caller_first import CallerFirst
from api.console import pages, shell
from api.context import build
from api.times import Clock
from api.webhooks import delivery_routes, endpoint_routes
from churn.settings import Settings

STATIC = Path(__file__).parent / "static"
_ABOUT = "Who is likely to leave, as of the newest event, and why. Every time is RFC 3339 in UTC."

_PARTS = (
    ranking, users, past, marks, what_if, least_change, forgetting,  # last: its path takes in the others
    alert_stream, alerts, policies, backtests, sweeps, events, endpoint_routes, delivery_routes, key_routes,
    audit_routes, health, document, sign_in, *pages.PARTS,
)  # fmt: skip


def create_app(settings: Settings, clock: Clock) -> FastAPI:
    """Builds the app. Redis need not be there yet.

    Args:
        settings: of the project.
        clock: the wall clock in ms.

    Raises:
        ChurnError: the setting redis.url cannot be an address of Redis, or the secret key cannot be read.
    """
    context = build(settings, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        context.end_streams()
        context.sending.close()
        context.view.redis.close()

    # FastAPI's own documentation pages load their scripts from other servers.
    app = FastAPI(
        title="Sparkify churn",
        version=version("sparkify-churn"),
        description=_ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # api.document has it, for whoever has a key
    )
    app.state.context = context
    for part in _PARTS:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app, shell.no_page)
    app.add_middleware(CallerFirst)
    app.add_middleware(Boundary)  # last: around all of it
    app.openapi = lambda: document.openapi(app)  # type: ignore[method-assign]
    return app
