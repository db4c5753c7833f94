"""What the contract says of an endpoint's answers: an example of a good one, and the problems that may come instead."""

from __future__ import annotations

from typing import Any

from api.problem_types import TYPES
from api.problems import MEDIA_TYPE, body

Responses = dict[int | str, dict[str, Any]]

ALWAYS = ("unauthenticated", "forbidden", "too-many-requests", "internal", "redis-unavailable")
"""Of every endpoint that needs a key."""


def answers(*problems: str, example: Any = None, status: int = 200) -> Responses:
    """The `responses` of an endpoint that needs a key.

    Args:
        problems: that it may answer with beside those of :data:`ALWAYS`.
        example: of what it answers.
        status: of that.
    """
    return only(*ALWAYS, *problems, example=example, status=status)


def only(*problems: str, example: Any = None, status: int = 200) -> Responses:
    """The same for one that needs none."""
    found: Responses = {}
    for name in problems:
        kind = TYPES[name]
        entry = found.setdefault(kind.status, {"description": "", "content": {MEDIA_TYPE: _problems()}})
        entry["description"] = "; ".join(filter(None, (entry["description"], kind.title)))
        entry["content"][MEDIA_TYPE]["examples"][name] = {"value": body(name, kind.example, "/v1/users", "3f9c0a")}
    if example is not None:
        found[status] = {"content": {"application/json": {"example": example}}}
    return found


def _problems() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
