"""Several things in one sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(parts: Sequence[str], last: str = "and") -> str:
    """One or more things as a sentence names them.

    >>> listed(["fewer adverts", "more songs", "the paid plan"])
    'fewer adverts, more songs and the paid plan'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"
