"""Finds users by a part of their id, with a bounded look at the ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import redis

LOOKED_AT = 10_000
"""Ids looked at for one search: some milliseconds of Redis."""
STEP = 1000


@dataclass(frozen=True)
class Found:
    """Whom a search has found.

    Attributes:
        user_ids: highest risk first.
        whole: whether every id of the ranking was looked at.
    """

    user_ids: list[str]
    whole: bool


def ids_containing(client: redis.Redis, text: str, band: str | None = None) -> Found:
    """Ranked users whose id contains a text, whatever the case of its letters.

    Args:
        client: decodes answers to text.
        text: to be found; nothing in it means anything else than itself.
        band: looks only there; by default everywhere.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    key = f"churn:ranking:{band}" if band else "churn:ranking"
    risks: dict[str, float] = {}  # a scan may tell one twice
    cursor = 0
    for _ in range(0, LOOKED_AT, STEP):
        answer = client.zscan(key, cursor, match=pattern(text), count=STEP)
        cursor, some = cast("tuple[int, list[tuple[str, float]]]", answer)
        risks |= dict(some)
        if cursor == 0:
            break
    return Found(sorted(risks, key=lambda user_id: (-risks[user_id], user_id)), cursor == 0)


def pattern(text: str) -> str:
    r"""A text as Redis matches it, anywhere in an id.

    >>> pattern("a*1")
    '*[aA]\\*1*'
    """
    return f"*{''.join(map(_literal, text))}*"


def _literal(character: str) -> str:
    if character.isascii() and character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    return f"\\{character}" if character in "*?[]^\\" else character
