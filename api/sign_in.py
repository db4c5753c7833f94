"""Signing in and out with a browser: by an API key, or by a link that is good for one time."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

import redis
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access import COOKIE, require_same_origin
from api.callers import Claim
from api.context import Wired
from api.problems import RETRY_AFTER_S, reason
from api.rendering import rendered
from churn.sessions import SESSION_S

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in_page(
    request: Request, context: Wired, link: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """The form; or, by a link, the session itself."""
    if link is None:
        return HTMLResponse(rendered("sign_in.html", begun=False, problem=""))
    session = await run_in_threadpool(context.sessions.follow, link)
    if session is None:
        words = "The link has been used, or is too old. Ask for another one, or sign in with a key."
        return HTMLResponse(rendered("sign_in.html", begun=False, problem=words), 401)
    # Not a redirect: on one that began at another site, such as a mail, a strict cookie would not be sent along.
    return _with_cookie(request, HTMLResponse(rendered("sign_in.html", begun=True, problem="")), session)


@router.post("/sign-in")
async def sign_in(request: Request, context: Wired) -> Response:
    """Begins a session by an API key."""
    require_same_origin(request)
    key = parse_qs((await request.body()).decode(errors="replace")).get("key", [""])[0].strip()
    try:
        found = await context.callers.ask(Claim(key, session=False))
    except redis.RedisError as error:
        page = rendered("sign_in.html", begun=False, problem=reason(error))
        return HTMLResponse(page, 503, {"Retry-After": str(RETRY_AFTER_S)})
    if found.verdict != "admitted" or not found.may("read"):
        words = "That is no key that may read here. It may have been revoked, or have expired."
        return HTMLResponse(rendered("sign_in.html", begun=False, problem=words), 401)
    session = await run_in_threadpool(context.sessions.begin, found.key_id)
    return _with_cookie(request, RedirectResponse("/", 303), session)


@router.post("/sign-out")
async def sign_out(request: Request, context: Wired) -> Response:
    """Ends the session."""
    require_same_origin(request)
    await run_in_threadpool(context.sessions.end, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _with_cookie(request: Request, answer: Response, session: str) -> Response:
    answer.set_cookie(
        COOKIE, session, max_age=SESSION_S, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer
