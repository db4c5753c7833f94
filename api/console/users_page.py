"""The page Users."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.console.shell import PageRoute, Shown
from api.console.watch import EVERYTHING

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.api_route("/users", methods=["GET", "HEAD"])
def page(shell: Shown) -> Response:
    """The page."""
    return shell.show("users.html", watch=EVERYTHING)
