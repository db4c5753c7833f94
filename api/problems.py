"""Errors as `application/problem+json` (RFC 9457): what is wrong in words, and nothing of the inside."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

log = logging.getLogger(__name__)


class WrongParameter(BaseModel):
    """One parameter that was refused."""

    parameter: str
    reason: str


class Problem(BaseModel):
    """RFC 9457, section 3. `type` is always `about:blank`: the status and the words say it all."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="the path that was asked for")
    parameters: list[WrongParameter] | None = Field(None, description="of a 422: what was refused, and why")


class ProblemError(Exception):
    """Raised by a handler to answer with a problem."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem(
    path: str, status: int, detail: str, *, headers: dict[str, str] | None = None, **members: Any
) -> JSONResponse:
    """The response. `members` are RFC 9457's extension members."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        **members,
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def unexpected(path: str) -> JSONResponse:
    """What is said of an exception that nobody foresaw; the log holds the rest."""
    return problem(path, 500, "Something went wrong in the server; its log says what.")


def reason(error: redis.RedisError) -> str:
    """Why Redis did not serve, for a person, without its address or its own words."""
    if isinstance(error, redis.AuthenticationError):
        return "Redis refuses the credentials in the settings of [redis]."
    if isinstance(error, redis.BusyLoadingError):
        return "Redis is still loading its data."
    if isinstance(error, redis.TimeoutError):
        return "Redis does not answer in time."
    if isinstance(error, redis.ConnectionError):
        return "Redis cannot be reached."
    return "Redis refuses a command that the API needs."


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem."""
    app.exception_handler(ProblemError)(_raised)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(redis.RedisError)(_no_redis)


def _raised(request: Request, error: ProblemError) -> JSONResponse:
    return problem(request.url.path, error.status, error.detail)


def _http(request: Request, error: HTTPException) -> JSONResponse:
    details = {
        404: "There is nothing at this path; /openapi.json lists what there is.",
        405: "This path does not take this method.",
    }
    detail = details.get(error.status_code, str(error.detail))
    return problem(request.url.path, error.status_code, detail, headers=dict(error.headers or {}))


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    refused = [{"parameter": str(entry["loc"][-1]), "reason": str(entry["msg"])} for entry in error.errors()]
    detail = "; ".join(f"{entry['parameter']}: {entry['reason']}" for entry in refused) + "."
    return problem(request.url.path, 422, detail, parameters=refused)


def _no_redis(request: Request, error: redis.RedisError) -> JSONResponse:
    log.warning("%s", reason(error))
    retry = {"Retry-After": str(RETRY_AFTER_S)}
    detail = f"{reason(error)} See /readyz for what to do."
    return problem(request.url.path, 503, detail, headers=retry)


def documented(*statuses: int, example: Any = None) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint: an example of what it answers, and the problems that it may answer with."""
    answered: dict[int | str, dict[str, Any]] = {status: _DOCUMENTED[status] for status in statuses}
    if example is not None:
        answered[200] = {"content": {"application/json": {"example": example}}}
    return answered


def _entry(description: str, path: str, detail: str, **members: Any) -> dict[str, Any]:
    status = int(description[:3])
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        **members,
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description[4:], "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


_TOO_LARGE = "Input should be less than or equal to 1000"
_DOCUMENTED: dict[int, dict[str, Any]] = {
    404: _entry("404 No such user", "/v1/users/nobody/risk", "No score is known of user nobody."),
    422: _entry(
        "422 A parameter was refused",
        "/v1/users",
        f"limit: {_TOO_LARGE}.",
        parameters=[{"parameter": "limit", "reason": _TOO_LARGE}],
    ),
    500: _entry("500 A fault of the server", "/v1/users", "Something went wrong in the server; its log says what."),
    503: _entry(
        "503 Redis does not serve; Retry-After says when to ask again",
        "/v1/users",
        "Redis cannot be reached. See /readyz for what to do.",
    ),
}  # fmt: skip
