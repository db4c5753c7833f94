"""Whether the process lives, whether it can do its work, and figures for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, cast

import redis
from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, SecurityScopes
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from api.access import bearer, caller
from api.answers import answers, kept, only
from api.context import Wired
from api.problem_types import TYPES
from api.problems import RETRY_AFTER_S, body, problem, reason
from churn.metrics import API, API_EVENT_CLOCK_SECONDS, API_RANKED_USERS, API_USERS, API_VIEW_UP
from churn.view import SCHEMA, View, durability_problems

router = APIRouter(tags=["operation"])


class Alive(BaseModel):
    """The process lives."""

    status: str = Field(examples=["ok"])


class Check(BaseModel):
    """One thing that must hold before the API can serve."""

    name: str
    ok: bool
    detail: str = Field(description="what was found")
    remedy: str = Field(description="what to do; empty when all is well")


class Readiness(BaseModel):
    """Every check, in the order in which they are best mended."""

    ready: bool
    checks: list[Check]


def _redis_answers(view: View) -> str:
    view.redis.exists("churn:schema")  # not a ping, which is refused as changes are when the disk is full
    return ""


def _takes_changes(view: View) -> str:
    view.redis.setrange("churn:schema", 0, "")  # changes nothing, and is refused as whatever would
    return ""


def _durable(setting: str) -> Callable[[View], str]:
    return lambda view: "; ".join(p for p in durability_problems(view.redis) if p.startswith(setting))


def _schema_is_ours(view: View) -> str:
    held = cast("str | None", view.redis.get("churn:schema"))
    if held is None:
        return "Redis holds no view yet"
    return "" if held == SCHEMA else f"the view has layout {held}; this release reads layout {SCHEMA}"


def _policy_is_set(view: View) -> str:
    return "" if view.redis.exists("churn:policy") else "Redis holds no alert policy"


# Name, what is wrong with it ("" for nothing), what to do then.
_CHECKS: tuple[tuple[str, Callable[[View], str], str], ...] = (
    ("redis", _redis_answers, "Start Redis, or correct the setting redis.url."),
    (
        "writable",
        _takes_changes,
        "If Redis is full, raise its maxmemory or forget users; if it is a replica, name its primary in redis.url; "
        "if it cannot write to its disk, make room there.",
    ),
    ("append_only_file", _durable("appendonly"), "Start Redis with --appendonly yes."),
    ("noeviction", _durable("maxmemory-policy"), "Start Redis with --maxmemory-policy noeviction."),
    ("schema", _schema_is_ours, "Start `churn publish` of this release, on a Redis database of its own."),
    ("policy", _policy_is_set, "Start `churn publish`: it writes the policy."),
)


@router.get("/healthz", responses=only("internal", example={"status": "ok"}))
async def alive() -> Alive:
    """The process lives; says nothing of Redis. Asks no thread, so that busy ones cannot delay it."""
    return Alive(status="ok")


_READY = {
    "ready": True,
    "checks": [{"name": name, "ok": True, "detail": "as it should be", "remedy": ""} for name, _, _ in _CHECKS],
}
_CHECK = {
    "name": "append_only_file",
    "ok": False,
    "detail": "appendonly is no, not yes",
    "remedy": "Start Redis with --appendonly yes.",
}


def _documented() -> dict[int | str, dict[str, Any]]:
    """A failed check is a problem with the members of a readiness."""
    found = only("internal", "not-ready", example=_READY)
    [media] = found[503]["content"].values()
    media["examples"] = {
        "not-ready": {
            "value": kept(
                body("not-ready", TYPES["not-ready"].example, "/readyz", "3f9c0a", ready=False, checks=[_CHECK])
            )
        }
    }
    return found


@router.get("/readyz", response_model=Readiness, responses=_documented())
def ready(request: Request, context: Wired) -> Any:
    """Whether the API can serve, and if not, what to do."""
    checks = run_checks(context.view)
    failed = [check.name for check in checks if not check.ok]
    if not failed:
        return Readiness(ready=True, checks=checks)
    return problem(
        request,
        "not-ready",
        f"Not ready: {', '.join(failed)}.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
        ready=False,
        checks=[check.model_dump() for check in checks],
    )


def run_checks(view: View) -> list[Check]:
    """Runs every check; once Redis does not answer, the rest is not asked."""
    checks: list[Check] = []
    silent = ""
    for name, wrong, remedy in _CHECKS:
        try:
            found = silent or wrong(view)
        except redis.RedisError as error:
            found = reason(error).removesuffix(".")
            if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                silent = "not known while Redis does not serve"
        checks.append(Check(name=name, ok=not found, detail=found or "as it should be", remedy=remedy if found else ""))
    return checks


_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text",
        "content": {"text/plain": {"example": 'churn_api_ranked_users{band="high"} 12.0\n'}},
    }
}


async def _may_scrape(
    request: Request, context: Wired, key: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> None:
    if not context.settings.api.open_metrics:
        await caller(request, SecurityScopes(["read"]), context, key, None)


@router.get(
    "/metrics",
    response_class=Response,
    responses=answers() | _TEXT,
    dependencies=[Depends(_may_scrape)],
    openapi_extra={"security": [{}]},  # or none, as the setting says
)
def metrics(context: Wired) -> Response:
    """Figures of this process and of the view; a key is needed where the setting api.open_metrics says so.

    Answers without Redis too, that is when they are looked at; with a key only while Redis knows it.
    """
    try:
        sizes, clock_ms = context.view.band_sizes(), context.view.clock()
        for band, size in sizes.items():
            API_RANKED_USERS.labels(band).set(size)
        API_USERS.set(context.view.books().users)
        API_EVENT_CLOCK_SECONDS.set(math.nan if clock_ms is None else clock_ms / 1000)
        API_VIEW_UP.set(1)
    except redis.RedisError:
        API_RANKED_USERS.clear()
        API_USERS.set(math.nan)
        API_EVENT_CLOCK_SECONDS.set(math.nan)
        API_VIEW_UP.set(0)
    return Response(generate_latest(API), media_type=CONTENT_TYPE_LATEST)
