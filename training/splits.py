"""Who is trained on, calibrated on and tested on: users and dates apart from each other.

Snapshot dates are cut into equal parts, users into folds that stand in a ring. A model leaves out two
neighbouring folds:

    dates               | 0 ........ b-2 |     b-1      |    b    |
    left out: one fold  |                |  calibrates  |  test   |
              the next  |                |  calibrates  |  test   |
    other folds         |     train      |              |         |

So every fold is tested by two models that never saw its users, and what one of them says of a fold is calibrated on the
*other* fold that it left out. Which candidate is fitted was decided for each model on the parts before the first tested
one, among the users it is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

FIRST_TESTED = 3
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
    """A model's users and dates.

    Attributes:
        left_out: the two folds it never sees.
        train: what it is fitted on.
        before_ms, first_ms, end_ms: the part that calibrates begins, the tested part begins, and ends.
    """

    left_out: tuple[int, int]
    train: Cell
    before_ms: int
    first_ms: int
    end_ms: int

    def test(self, fold: int) -> Cell:
        """Rows of a left-out fold that are tested."""
        return Cell(frozenset({fold}), self.first_ms, self.end_ms)

    def calibrate(self, fold: int) -> Cell:
        """Rows on which what is said of a left-out fold is calibrated: the other one's, before the test."""
        return Cell(frozenset(self.left_out) - {fold}, self.before_ms, self.first_ms)

    def held_out(self) -> Cell:
        """All rows of both left-out folds in either part."""
        return Cell(frozenset(self.left_out), self.before_ms, self.end_ms)


@dataclass(frozen=True)
class Splits:
    """Every split of some training rows.

    Attributes:
        folds: how many groups of users, at least 4.
        edges_ms: where the parts of the snapshot dates begin, and the end of the last.
    """

    folds: int
    edges_ms: tuple[int, ...]

    @classmethod
    def of(cls, folds: int, parts: int, first_ms: int, last_ms: int) -> Splits:
        """Equal parts of the dates from `first_ms` to `last_ms`, both included."""
        step = (last_ms + 1 - first_ms) / parts
        return cls(folds, tuple(first_ms + round(step * part) for part in range(parts + 1)))

    def selection(self, fold: int) -> tuple[Cell, Cell]:
        """Where the candidates for the models without `fold` and its next are trained and validated."""
        edges, validated = self.edges_ms, (fold + 2) % self.folds
        return (
            Cell(self._all() - {*self._left_out(fold), validated}, edges[0], edges[FIRST_TESTED - 1]),
            Cell(frozenset({validated}), edges[FIRST_TESTED - 1], edges[FIRST_TESTED]),
        )

    def tests(self, fold: int) -> Iterator[Split]:
        """The models without `fold` and its next, by date."""
        edges = self.edges_ms
        for part in range(FIRST_TESTED, len(edges) - 1):
            train = Cell(self._all() - set(self._left_out(fold)), edges[0], edges[part - 1])
            yield Split(self._left_out(fold), train, edges[part - 1], edges[part], edges[part + 1])

    def _left_out(self, fold: int) -> tuple[int, int]:
        return fold, (fold + 1) % self.folds

    def _all(self) -> frozenset[int]:
        return frozenset(range(self.folds))
