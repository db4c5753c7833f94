"""Feature values as the view keeps them: the doubles of the table's order, in base64.

A third of the memory of JSON; and without the features in it, Redis packs the rest of a user into one piece:
docs/decisions/0015-memory-of-a-user.md.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping

from churn.features import NAMES

TABLE = hashlib.sha256(" ".join(NAMES).encode()).hexdigest()[:8]
"""Of the names and their order: values that were written under another cannot be read."""

_DOUBLES = struct.Struct(f"<{len(NAMES)}d")


def packed(features: Mapping[str, float]) -> bytes:
    """Values by name; one that this release does not know is left out, and what is missing is told apart from 0."""
    return base64.b64encode(_DOUBLES.pack(*(features.get(name, math.nan) for name in NAMES)))


def unpacked(text: str | None) -> dict[str, float]:
    """What :func:`packed` was given, to the last bit; nothing of nothing.

    Raises:
        ValueError: it was written under another table.
    """
    if not text:
        return {}
    try:
        values = _DOUBLES.unpack(base64.b64decode(text, validate=True))
    except struct.error as error:
        raise ValueError(str(error)) from None
    found = dict(zip(NAMES, values, strict=True))
    if math.isnan(sum(values)):  # seldom, and much quicker than a look at each value
        found = {name: value for name, value in found.items() if not math.isnan(value)}
    return found
