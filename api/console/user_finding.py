"""Finds the users of a page: what takes long is not looked for at each change of a score."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from api import cursor as cursors
from api import ranking
from api.console.user_filters import Asked, address, chosen
from api.context import Context
from api.risks import Risk

REST = 20
"""It is looked again after so many times as long as looking took: a page costs at most a twentieth of a core."""
TOLD_S = 2.0
"""From which age on it is told."""


@dataclass(frozen=True)
class _Found:
    """Ids, the place behind the last one that was looked at, and how long looking took."""

    user_ids: list[str]
    following: tuple[float, str] | None
    took_s: float


def found_by(context: Context, asked: Asked, limit: int) -> tuple[list[Risk], tuple[float, str] | None, float]:
    """Users who pass the filters, the place behind them, and how many seconds ago they were looked for.

    Raises:
        ProblemError: the cursor is none of this list.
        redis.RedisError: Redis does not serve.
    """
    place = cursors.read(asked.cursor, float, str) if asked.cursor else None
    if not asked.narrows or place is not None:
        return *ranking.page(context, asked, place, limit), 0.0

    def find() -> _Found:
        began = time.perf_counter()
        risks, following = ranking.page(context, asked, None, limit)
        return _Found([risk.user.score.user_id for risk in risks], following, time.perf_counter() - began)

    name = address(chosen(asked))
    known = context.remembered.get(name, math.inf, find)
    if known.age_s >= REST * known.value.took_s:
        known = context.remembered.get(name, 0, find)
    risks = [risk for risk in look_up(context, known.value.user_ids) if asked.fits(risk) and _is_in(risk, asked)]
    risks.sort(key=lambda risk: -risk.user.score.risk)
    return risks, known.value.following, known.age_s


def _is_in(risk: Risk, asked: Asked) -> bool:
    return risk.rank is not None and asked.band in (None, risk.user.band)


def look_up(context: Context, user_ids: list[str]) -> list[Risk]:
    """What is known of many users; whoever is unknown is left out.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    found: list[Risk] = []
    for begin in range(0, len(user_ids), ranking.CHUNK):
        some = context.risks.look_up(user_ids[begin : begin + ranking.CHUNK])
        found += [risk for risk in some if risk is not None]
    return found
