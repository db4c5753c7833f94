"""What every handler needs: the view, the settings and the wall clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.times import Clock
from churn.settings import Redis, Settings
from churn.view import View

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 1.5


@dataclass(frozen=True)
class Context:
    """Made once with the app."""

    view: View
    settings: Settings
    clock: Clock


def open_view(where: Redis) -> View:
    """A view that gives up early: a reader waiting for an answer prefers "not now" to silence.

    Raises:
        ChurnError: the address cannot be one of Redis.
    """
    return View.connect(
        where,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        # No second try, which would double the wait. Connections that a restart of Redis has closed are
        # found out by the pool before they are used.
        retry=Retry(NoBackoff(), 0),
    )


def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


Wired = Annotated[Context, Depends(_context)]
"""Type of a handler's parameter that receives the context."""
