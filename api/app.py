"""The application: the parts put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.staticfiles import StaticFiles

from api import alerts, health, page, problems, users
from api.boundary import Boundary
from api.context import Context, open_view
from api.times import Clock
from churn.settings import Settings

STATIC = Path(__file__).parent / "static"
_ABOUT = "Who is likely to leave, as of the newest event. Reads Redis only; every time is RFC 3339 in UTC."


def create_app(settings: Settings, clock: Clock) -> FastAPI:
    """Builds the app. Redis need not be there yet.

    Args:
        settings: of the project.
        clock: the wall clock in ms.

    Raises:
        ChurnError: the setting redis.url cannot be an address of Redis.
    """
    context = Context(open_view(settings.redis), settings, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        context.view.redis.close()

    # FastAPI's own documentation pages load their scripts from other servers.
    app = FastAPI(
        title="Sparkify churn",
        version=version("sparkify-churn"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    for part in (users, alerts, health, page):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app)
    app.add_middleware(Boundary)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the schema of a problem, to which every documented problem refers."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        template = "#/components/schemas/{model}"
        schema = problems.Problem.model_json_schema(ref_template=template)
        schemas = document["components"]["schemas"]
        schemas |= schema.pop("$defs") | {"Problem": schema}
        _drop_what_is_never_answered(document)
        app.openapi_schema = document
    return app.openapi_schema


def _drop_what_is_never_answered(document: dict[str, Any]) -> None:
    """FastAPI adds its own 422 to whatever takes a parameter, a plain text too, which cannot be wrong."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
