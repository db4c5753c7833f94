"""Errors as `application/problem+json` (RFC 9457): what is wrong in words, and nothing of the inside."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.problem_types import TYPES, URN

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

log = logging.getLogger(__name__)


class WrongParameter(BaseModel):
    """One part of a request that was refused."""

    parameter: str
    reason: str


class Problem(BaseModel):
    """RFC 9457, section 3. The manual of the API lists every `type`."""

    type: str = Field(examples=[f"{URN}unknown-user"])
    title: str = Field(description="the type in words, always the same")
    status: int
    detail: str = Field(description="what is wrong this time")
    instance: str = Field(description="the path that was asked for")
    request_id: str = Field(description="as in the header X-Request-Id and in the log")
    parameters: list[WrongParameter] | None = Field(None, description="of invalid-request: what was refused, and why")


class ProblemError(HTTPException):
    """Raised to answer with a problem.

    An HTTPException, because the framework lets only those through from where it reads a body.

    Args:
        name: in `api.problem_types.TYPES`.
        detail: what is wrong this time, as a sentence.
        headers: of the answer.
        members: more of the answer's body.
    """

    def __init__(self, name: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(TYPES[name].status, detail, headers)
        self.name, self.members = name, members


def problem(
    request: Request, name: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any
) -> JSONResponse:
    """The response. `members` are RFC 9457's extension members."""
    return JSONResponse(
        body(name, detail, request.url.path, getattr(request.state, "request_id", ""), **members),
        TYPES[name].status,
        headers,
        MEDIA_TYPE,
    )


def body(name: str, detail: str, path: str, request_id: str, **members: Any) -> dict[str, Any]:
    """A problem as JSON."""
    kind = TYPES[name]
    known = {"type": f"{URN}{name}", "title": kind.title, "status": kind.status, "detail": detail, "instance": path}
    return known | {"request_id": request_id} | members


def unexpected(request: Request) -> Response:
    """What is said of an exception that nobody foresaw; the log holds the rest. A page says it to people: its route
    leaves in `request.state.as_page` how."""
    detail = "Something went wrong in the server; its log says what."
    as_page: Callable[[str, str], Response] | None = getattr(request.state, "as_page", None)
    return as_page("internal", detail) if as_page else problem(request, "internal", detail)


_COUNTS = "it takes no changes, and the API counts every request in it."
# The first that fits: a refused password and a Redis that loads are connection errors, too.
_REASONS: tuple[tuple[type[redis.RedisError], str, str], ...] = (
    (redis.AuthenticationError, "", "Redis refuses the credentials in the settings of [redis]."),
    (redis.BusyLoadingError, "", "Redis is still loading its data."),
    (redis.TimeoutError, "", "Redis does not answer in time."),
    (redis.ConnectionError, "", "Redis cannot be reached."),
    (redis.OutOfMemoryError, "", "Redis is full: it takes only what makes room."),
    (redis.ReadOnlyError, "", f"Redis is a replica: {_COUNTS}"),
    (redis.ResponseError, "MISCONF", f"Redis cannot write to its disk: {_COUNTS}"),
    (redis.RedisError, "", "Redis refuses a command that the API needs."),
)
"""Class, a word of Redis that tells it from others of the class, and what is said of it."""


def reason(error: redis.RedisError) -> str:
    """Why Redis did not serve, for a person, without its address or its own words."""
    return next(said for kind, word, said in _REASONS if isinstance(error, kind) and word in str(error))


def no_redis(error: redis.RedisError) -> ProblemError:
    """The problem that Redis does not serve, which is logged."""
    log.warning("%s", reason(error))
    retry = {"Retry-After": str(RETRY_AFTER_S)}
    return ProblemError("redis-unavailable", f"{reason(error)} See /readyz for what to do.", retry)


def install(app: FastAPI, no_page: Callable[[Request], Response]) -> None:
    """Makes every error of the app a problem.

    Args:
        app: in which they are raised.
        no_page: what a browser is shown where there is nothing.
    """

    def not_there_or_not_so(request: Request, error: HTTPException) -> Response:
        """What the framework raises by itself."""
        is_browser = request.headers.get("accept", "").startswith("text/html")
        if error.status_code == HTTPStatus.NOT_FOUND and is_browser:
            return no_page(request)
        return _http(request, error)

    app.exception_handler(ProblemError)(_raised)
    app.exception_handler(HTTPException)(not_there_or_not_so)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(redis.RedisError)(_no_redis)


def _raised(request: Request, error: ProblemError) -> JSONResponse:
    return problem(request, error.name, error.detail, headers=dict(error.headers or {}), **error.members)


_BY_STATUS = {
    HTTPStatus.NOT_FOUND: ("not-found", "There is nothing at this path; /openapi.json lists what there is."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "This path does not take this method."),
}


def _http(request: Request, error: HTTPException) -> JSONResponse:
    name, detail = _BY_STATUS.get(HTTPStatus(error.status_code), ("invalid-request", str(error.detail)))
    return problem(request, name, detail, headers=dict(error.headers or {}))


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    detail, parameters = refused(error)
    return problem(request, "invalid-request", detail, parameters=parameters)


_FAULTS, _NAME = 20, 64
"""Faults that are told of one request, and characters of the name of a part."""


def refused(error: RequestValidationError) -> tuple[str, list[dict[str, str]]]:
    """What of a request is not right: in one sentence, and by parameter. Of many faults the first ones."""
    errors = error.errors()
    found = [
        {"parameter": _where(entry["loc"]), "reason": str(entry["msg"]).removeprefix("Value error, ")}
        for entry in errors[:_FAULTS]
    ]
    told = [f"{entry['parameter']}: {entry['reason']}" for entry in found]
    if more := len(errors) - len(found):
        told.append(f"and {more:,} more")
    return "; ".join(told) + ".", found


def _where(place: tuple[str | int, ...]) -> str:
    """Without whether it is in the path, the query or the body: the name says it."""
    name = ".".join(str(part) for part in place[1:]) or str(place[0])
    return name if len(name) <= _NAME else f"{name[:_NAME]}…"


def _no_redis(request: Request, error: redis.RedisError) -> JSONResponse:
    return _raised(request, no_redis(error))
