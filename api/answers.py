"""What the contract says of an endpoint's answers: an example of a good one, and the problems that may come instead."""

from __future__ import annotations

import json
from typing import Any

from api.problem_types import TYPES
from api.problems import MEDIA_TYPE, body

Responses = dict[int | str, dict[str, Any]]

_TEXT = "example as JSON: "

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
        example_of_it = body(name, kind.example, "/v1/users", "3f9c0a")
        entry["content"][MEDIA_TYPE]["examples"][name] = {"value": kept(example_of_it)}
    if example is not None:
        found[status] = {"content": {"application/json": {"example": kept(example)}}}
    return found


def kept(example: Any) -> str:
    """An example as text, which `api.document` reads: FastAPI leaves out of the document whatever is null."""
    return _TEXT + json.dumps(example)


def as_given(node: Any) -> Any:
    """A part of the document with every example as it was given to :func:`kept`."""
    if isinstance(node, dict):
        return {name: as_given(value) for name, value in node.items()}
    if isinstance(node, list):
        return [as_given(each) for each in node]
    return json.loads(node.removeprefix(_TEXT)) if isinstance(node, str) and node.startswith(_TEXT) else node


def _problems() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
