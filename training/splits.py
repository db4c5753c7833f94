"""Who is trained on, calibrated on and tested on: users and dates apart from each other.

Snapshot dates are cut into equal parts. A test takes the users of one fold at the dates of one part; its model was
trained on other users at dates two parts back and further, and calibrated on yet other users at the dates between:

    dates        | 0 ........ b-2 |   b-1   |    b    |
    test fold    |                |         |  test   |
    next fold    |                | calibr. |         |
    other folds  |     train      |         |         |

Which candidate is fitted was decided for each test fold on the first part and the second (train, validate), before any
test date.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

PARTS = 5
FIRST_TESTED = 2
"""Parts before this one are for training, selection and calibration only."""


@dataclass(frozen=True)
class Cell:
    """Users of some folds at some dates.

    Attributes:
        folds: whose rows.
        first_ms: from this `as_of` on.
        end_ms: to before this one.
    """

    folds: frozenset[int]
    first_ms: int
    end_ms: int

    def rows(self) -> Column:
        """Whether a row with `fold` and `as_of` lies in it."""
        as_of = F.col("as_of")
        return F.col("fold").isin(sorted(self.folds)) & (as_of >= self.first_ms) & (as_of < self.end_ms)

    def among(self, rows: pd.DataFrame) -> pd.Series[bool]:
        """The same of a pandas frame."""
        dated = (rows["as_of"] >= self.first_ms) & (rows["as_of"] < self.end_ms)
        return rows["fold"].isin(sorted(self.folds)) & dated


@dataclass(frozen=True)
class Split:
    """One test, and what its model may know."""

    fold: int
    train: Cell
    calibrate: Cell
    test: Cell


@dataclass(frozen=True)
class Splits:
    """Every split of some training rows.

    Attributes:
        folds: how many groups of users.
        edges_ms: where the parts of the snapshot dates begin, and the end of the last.
        tested_parts: how many parts, the last ones, are tested on.
    """

    folds: int
    edges_ms: tuple[int, ...]
    tested_parts: int = PARTS - FIRST_TESTED

    @classmethod
    def of(cls, folds: int, first_ms: int, last_ms: int, tested_parts: int = PARTS - FIRST_TESTED) -> Splits:
        """Equal parts of the dates from `first_ms` to `last_ms`, both included."""
        step = (last_ms + 1 - first_ms) / PARTS
        return cls(folds, tuple(first_ms + round(step * part) for part in range(PARTS + 1)), tested_parts)

    def selection(self, fold: int) -> tuple[Cell, Cell]:
        """Where the candidates for a test fold are trained and validated: without its users, before every test."""
        edges = self.edges_ms
        return (
            Cell(self._all() - {fold, self._next(fold)}, edges[0], edges[FIRST_TESTED - 1]),
            Cell(frozenset({self._next(fold)}), edges[FIRST_TESTED - 1], edges[FIRST_TESTED]),
        )

    def tests(self, fold: int) -> Iterator[Split]:
        """The tests of one fold of users, by date."""
        edges = self.edges_ms
        for part in range(PARTS - self.tested_parts, PARTS):
            yield Split(
                fold,
                train=Cell(self._all() - {fold, self._next(fold)}, edges[0], edges[part - 1]),
                calibrate=Cell(frozenset({self._next(fold)}), edges[part - 1], edges[part]),
                test=Cell(frozenset({fold}), edges[part], edges[part + 1]),
            )

    def _all(self) -> frozenset[int]:
        return frozenset(range(self.folds))

    def _next(self, fold: int) -> int:
        return (fold + 1) % self.folds
