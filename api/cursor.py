"""Cursors of lists: where the next page begins, as text that callers hand back and do not look into."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Annotated, Any

from pydantic import Field

from api.problems import ProblemError

Cursor = Annotated[str | None, Field(max_length=600, description="`next` of the page before; left out, the first page")]


def written(*place: Any) -> str:
    """A cursor."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def read(cursor: str, *types: type[Any]) -> tuple[Any, ...]:
    """What :func:`written` was given.

    Raises:
        ProblemError: it is no cursor, or one of another list.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != list(types) or not all(map(_sound, place)):
        raise foreign()
    return tuple(place)


def foreign() -> ProblemError:
    """What is said of a cursor that is none of the list."""
    wrong = {"parameter": "cursor", "reason": "It is not one of this list."}
    return ProblemError("invalid-request", "cursor: It is not one of this list.", parameters=[wrong])


def _sound(part: Any) -> bool:
    """JSON holds things that Redis does not take: numbers that are none or too large, and halves of characters."""
    if isinstance(part, str):
        return not re.search("[\ud800-\udfff]", part)
    return not isinstance(part, float | int) or (math.isfinite(part) and abs(part) < 2**53)
