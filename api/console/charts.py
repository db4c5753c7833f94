"""A chart as a page holds it: figures that the script draws, what is to be seen in words, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        name: of the element, once a page: the script moves the drawing on when new figures come.
        kind: how it is drawn: `NAME/function`, a function of `static/charts/NAME.js`.
        title: what it is about.
        says: what is to be seen in it now, with units.
        figures: what is drawn.
        head: of the table, units among them.
        rows: of the table; the first cell names the row.
    """

    name: str
    kind: str
    title: str
    says: str
    figures: Mapping[str, Any]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)
