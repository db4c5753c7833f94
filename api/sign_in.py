"""Signing in and out with a browser: by an API key, or by a link that is good for one time."""

from __future__ import annotations

import re
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

# Browsers take a second slash, or a backslash for one, for another host.
NEXT_LENGTH = 2000
"""Characters of the address to which somebody is led on."""
_PATH = re.compile(r"/(?![/\\])[!-~]*")


@router.get("/sign-in")
async def sign_in_page(
    request: Request,
    context: Wired,
    link: Annotated[str | None, Query(max_length=200)] = None,
    wanted: Annotated[str, Query(alias="next", max_length=NEXT_LENGTH)] = "/",
) -> Response:
    """The form; or, by a link, the session itself. `next` is the page that somebody wanted to see."""
    if link is None:
        return _door(wanted)
    try:
        session = await run_in_threadpool(context.sessions.follow, link)
        # Whoever follows their link again is in already.
        key_id = None if session else await run_in_threadpool(context.sessions.key_of, request.cookies.get(COOKIE, ""))
    except redis.RedisError as error:
        return _no_redis(wanted, error)
    if key_id is not None:
        return RedirectResponse(_own_page(wanted), 303)
    if session is None:
        return _door(wanted, "The link has been used, or is too old. Ask for another one, or sign in with a key.", 401)
    # Not a redirect: on one that began at another site, such as a mail, a strict cookie would not be sent along.
    html = rendered("sign_in.html", begun=True, problem="", wanted=_own_page(wanted))
    return _with_cookie(request, HTMLResponse(html), session)


@router.post("/sign-in")
async def sign_in(request: Request, context: Wired) -> Response:
    """Begins a session by an API key."""
    require_same_origin(request)
    sent = parse_qs((await request.body()).decode(errors="replace"))
    key, wanted = sent.get("key", [""])[0].strip(), sent.get("next", ["/"])[0]
    try:
        found = await context.callers.ask(Claim(key, session=False))
    except redis.RedisError as error:
        return _no_redis(wanted, error)
    if found.verdict == "limited":
        return _door(wanted, f"This key asks too often. Try again in {found.wait_s} s.", 429, found.wait_s)
    if found.verdict != "admitted" or not found.may("read"):
        return _door(wanted, "That is no key that may read here. It may have been revoked, or have expired.", 401)
    session = await run_in_threadpool(context.sessions.begin, found.key_id)
    return _with_cookie(request, RedirectResponse(_own_page(wanted), 303), session)


@router.post("/sign-out")
async def sign_out(request: Request, context: Wired) -> Response:
    """Ends the session."""
    require_same_origin(request)
    try:
        await run_in_threadpool(context.sessions.end, request.cookies.get(COOKIE, ""))
    except redis.RedisError as error:
        return _no_redis("/", error)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _no_redis(wanted: str, error: redis.RedisError) -> Response:
    return _door(wanted, reason(error), 503, RETRY_AFTER_S)


def _door(wanted: str, problem: str = "", status: int = 200, wait_s: int | None = None) -> Response:
    headers = None if wait_s is None else {"Retry-After": str(wait_s)}
    html = rendered("sign_in.html", begun=False, problem=problem, wanted=_own_page(wanted))
    return HTMLResponse(html, status, headers)


def _own_page(wanted: str) -> str:
    """A path of this site: a link in a mail must not lead through this door to somewhere else."""
    return wanted if _PATH.fullmatch(wanted) else "/"


def _with_cookie(request: Request, answer: Response, session: str) -> Response:
    answer.set_cookie(
        COOKIE, session, max_age=SESSION_S, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer
