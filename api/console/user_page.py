"""The page of one user."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.console.shell import PageRoute, Shown
from api.console.watch import of_user
from api.user_answers import UserId

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.api_route("/users/{user_id}", methods=["GET", "HEAD"])
def page(shell: Shown, user_id: UserId) -> Response:
    """The page."""
    return shell.show("user.html", watch=of_user(user_id), user_id=user_id)
