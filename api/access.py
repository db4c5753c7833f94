"""Who may: every endpoint but those of health names a scope, and this lets a request in or answers why not."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer, SecurityScopes
from fastapi.security.http import HTTPAuthorizationCredentials

from api.callers import Caller, Claim
from api.context import Context, Wired
from api.problems import ProblemError
from churn.keys import Scope

COOKIE = "churn_session"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))

bearer = HTTPBearer(auto_error=False, description="An API key: churn keys create.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A browser's session, from /sign-in.")


async def caller(
    request: Request,
    scopes: SecurityScopes,
    context: Wired,
    key: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    session: Annotated[str | None, Depends(_cookie)],
) -> Caller:
    """Whoever asks, if they may.

    Raises:
        ProblemError: nobody we know, or somebody who may not do this or not so often.
    """
    found = await _admit(request, context, key, session)
    for scope in scopes.scopes:
        if not found.may(scope):  # type: ignore[arg-type]
            raise ProblemError("forbidden", f"This needs the scope {scope}; the key has: {', '.join(found.scopes)}.")
    return found


async def admit_by_head(request: Request) -> None:
    """Decides by the head of a request whether it may go on; what it may do, :func:`caller` says.

    Raises:
        ProblemError: nobody we know, or somebody who asks too often.
        redis.RedisError: Redis does not serve.
    """
    await _admit(request, request.app.state.context, await bearer(request), await _cookie(request))


async def _admit(
    request: Request, context: Context, key: HTTPAuthorizationCredentials | None, session: str | None
) -> Caller:
    """Whoever asks. Looked up once a request: each time takes a token."""
    if key is None and not session:
        raise _unknown("Send an API key, as in: Authorization: Bearer churn_…")
    if key is None:
        require_same_origin(request)
    found: Caller | None = getattr(request.state, "caller", None)
    if found is None:
        found = await context.callers.ask(Claim(key.credentials if key else session or "", key is None))
        request.state.caller = found
    if found.verdict in ("unknown", "expired", "revoked"):
        what = "session" if key is None else "API key"
        raise _unknown(f"The {what} is {'not known' if found.verdict == 'unknown' else found.verdict}.")
    if found.verdict == "limited":
        raise ProblemError("too-many-requests", f"Ask again in {found.wait_s} s.", {"Retry-After": str(found.wait_s)})
    return found


def needs(scope: Scope) -> Any:
    """The dependency of a router or an endpoint whose callers need a scope."""
    return Security(caller, scopes=[scope])


def require_same_origin(request: Request) -> None:
    """A browser sends its cookies along with what other sites make it ask for: such a request changes nothing.

    `SameSite=Strict` keeps most browsers from it. This is for the others, and for sites of the same domain.

    Raises:
        ProblemError: the request would change something and is not known to come from our own page.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:  # a browser too old to tell
        same = request.headers.get("origin", "").partition("://")[2] == request.headers.get("host", "-")
    if not same:
        raise ProblemError("foreign-origin", "A session is good for this site's own pages only.")


def _unknown(detail: str) -> ProblemError:
    return ProblemError("unauthenticated", detail, {"WWW-Authenticate": 'Bearer realm="churn"'})


async def _asking(request: Request) -> Caller:
    """Whom the dependency of the router has let in: asked a second time it would take a second token."""
    found: Caller = request.state.caller
    return found


Asking = Annotated[Caller, Depends(_asking)]
"""Type of a handler's parameter that receives who asks."""
