"""What every page has around it: whoever looks is signed in, what went wrong is said in words, only what moves is sent
again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import redis
from fastapi import Depends, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access import caller
from api.callers import Caller
from api.console.moments import now_of
from api.context import Context, Wired
from api.problem_types import TYPES
from api.problems import RETRY_AFTER_S, ProblemError, reason, refused
from api.rendering import rendered
from api.sign_in import NEXT_LENGTH

PAGES = (
    ("/", "Now"),
    ("/users", "Users"),
    ("/what-if", "What if"),
    ("/model", "Model"),
    ("/alerting", "Alerting"),
    ("/data", "Data"),
)
"""In the order of the navigation."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route that answers people: with the way to sign in, or with a page that tells what is wrong."""

    def get_route_handler(self) -> Handler:
        """The handler, which raises nothing that a person could not read."""
        handle = super().get_route_handler()

        async def page(request: Request) -> Response:
            # Whatever nobody foresaw goes on to the boundary, which logs it and answers by this.
            request.state.as_page = partial(_problem, request)
            try:
                return await handle(request)
            except redis.RedisError as error:
                return _problem(request, "redis-unavailable", reason(error))
            except RequestValidationError as error:
                return _problem(request, "invalid-request", refused(error)[0])
            except ProblemError as error:
                if error.name == "unauthenticated" and not _is_fragment(request):
                    return RedirectResponse(_door(request), 303)
                return _problem(request, error.name, error.detail, error.headers)

        return page


def _door(request: Request) -> str:
    """The way to sign in, and back to where somebody wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if wanted == "/" or len(wanted) > NEXT_LENGTH:
        return "/sign-in"
    return f"/sign-in?next={quote(wanted, safe='')}"


def _is_fragment(request: Request) -> bool:
    return request.query_params.get("fragment") == "1"


def _problem(request: Request, name: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    context: Context = request.app.state.context
    shell = Shell(request, context, getattr(request.state, "caller", None))
    status = TYPES[name].status
    waiting = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    values: dict[str, Any] = {"name": name, "detail": detail, "request_id": getattr(request.state, "request_id", "")}
    return shell.show("problem.html", status=status, headers=waiting | dict(headers or {}), **values)


def no_page(request: Request) -> Response:
    """Where there is nothing. Who asks was not looked up: it is the same for everybody."""
    return _problem(request, "not-found", "No page has this address.")


class Shell:
    """Renders pages for somebody.

    Args:
        request: the page that was asked for; with `fragment=1` only the part of it that moves.
        context: of the app.
        who: asks; None while that is not known.
        subject: of :mod:`api.console.watch`, whose changes make the page ask anew; empty for none.
        state: of the subject before anything of the page was read.
    """

    def __init__(
        self, request: Request, context: Context, who: Caller | None, subject: str = "", state: str = ""
    ) -> None:
        self._request, self._context, self.who, self._subject, self._state = request, context, who, subject, state

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        watches: bool = True,
        **values: Any,
    ) -> Response:
        """A page.

        Args:
            template: extends the variable `layout`; its block `live` is the part that moves.
            status: of the answer.
            headers: of the answer.
            watches: whether it renews itself.
            values: of the template.
        """
        watched = {"watch": self._subject, "state": self._state} if watches else {"watch": "", "state": ""}
        html = rendered(template, **watched, **self._around(), **values)
        return HTMLResponse(html, status, headers)

    def _around(self) -> dict[str, Any]:
        """What every page is given."""
        return {
            "layout": "fragment.html" if _is_fragment(self._request) else "page.html",
            "pages": PAGES,
            "path": self._request.url.path,
            "who": self.who,
            "may": self.who.may if self.who else lambda _: False,
            "settings": self._context.settings,
            "read_at": now_of(self._context.clock()),
        }


def shown(watch: str | Callable[[Request], str]) -> Any:
    """The dependency of a page: what renders it, for somebody who may read.

    Args:
        watch: the subject of :mod:`api.console.watch` whose changes make the page ask anew; or what tells it by the
            request.
    """

    async def shell(
        request: Request, context: Wired, who: Annotated[Caller, Security(caller, scopes=["read"])]
    ) -> Shell:
        subject = watch if isinstance(watch, str) else watch(request)
        # Whoever asks for a fragment listens already; else it has to be known before the page reads anything.
        state = "" if _is_fragment(request) else await context.watch.state(subject)
        return Shell(request, context, who, subject, state)

    return Depends(shell)
