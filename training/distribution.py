"""How each feature was spread among the users that a model learnt from, so that it can be seen when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.features import NAMES

DECILES = tuple(place / 10 for place in range(1, 11))
"""The last one is the largest value."""
MEDIAN = DECILES.index(0.5)
_ERROR = 0.001
"""Of the place of a quantile: the shares are counted, so that it only moves an edge a little."""


def quantiles(rows: DataFrame) -> dict[str, list[float]]:
    """Each feature's :data:`DECILES` over some rows; empty lists where there is no row. One pass for all."""
    found = rows.approxQuantile(list(NAMES), list(DECILES), _ERROR)
    return dict(zip(NAMES, found, strict=True))


def edges(deciles: Sequence[float]) -> list[float]:
    """Where one bin ends and the next begins: each decile once, and none above which there is nobody.

    Many features are mostly 0, and their deciles mostly one: they get fewer bins. Where all values are the same, that
    one is the edge, so that a value above it would be seen.

    Args:
        deciles: of a feature, in their order, the largest value last.
    """
    inner = sorted({decile for decile in deciles if decile < deciles[-1]})
    return inner or list(deciles[-1:])


def shares(up_to: Sequence[int], rows: int) -> list[float]:
    """The share of rows in each bin; a row on an edge is in the bin below it.

    Args:
        up_to: for each edge, how many rows are not above it.
        rows: how many there are.
    """
    ends = [0, *up_to, rows]
    return [(end - begin) / rows for begin, end in pairwise(ends)]


def of(rows: DataFrame, deciles: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The card's member: how many rows, and of each feature the edges and the exact shares. One pass for all.

    Args:
        rows: those of the grid, which are of active users.
        deciles: of them, as :func:`quantiles` returns them.
    """
    inner = {name: edges(deciles[name]) for name in NAMES}
    counted = [F.count_if(F.col(name) <= edge) for name in NAMES for edge in inner[name]]
    counts = iter(rows.agg(F.count("*"), *counted).first() or (0,))
    total = next(counts)
    if not total:
        return {"rows": 0, "features": {}}
    return {
        "rows": total,
        "features": {
            name: {"edges": inner[name], "shares": shares([next(counts) for _ in inner[name]], total)} for name in NAMES
        },
    }
