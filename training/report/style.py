"""How every picture of the report looks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.report.parts import Picture

# Okabe and Ito's palette: told apart by people who see no red or no green.
COLOURS = {"cancel": "#0072B2", "lapse": "#D55E00", "risk": "#222222", "leaky": "#CC79A7"}
NAMES = {"cancel": "cancel", "lapse": "lapse", "risk": "risk (either)"}
DASHES = {"cancel": "-", "lapse": "--", "risk": ":"}
GREY = "#8A8F98"
STAYED = "#56A88B"

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#B8BDC5",
    "axes.grid": True,
    "axes.labelcolor": "#3A3F47",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9.5,
    "grid.color": "#E9EBEE",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "report",
    "text.parse_math": False,  # names in a log are free text, and a $ in one no formula
    "xtick.color": "#5A606A",
    "ytick.color": "#5A606A",
}


LABEL_MAX = 40
"""Characters of a name that a picture shows."""


def label(name: str) -> str:
    """A name out of a log as it stands beside an axis: on one line, and cut where it is long."""
    line = " ".join(name.split())
    return line if len(line) <= LABEL_MAX else line[: LABEL_MAX - 1] + "…"


class Drawing:
    """A figure that becomes a :class:`Picture` when it is done."""

    def __init__(self, name: str, says: str, columns: int, size: tuple[float, float]) -> None:
        self._name, self._says = name, says
        self._figure = Figure(figsize=size, layout="constrained")
        self.axes: list[Axes] = list(self._figure.subplots(1, columns, squeeze=False)[0])

    @property
    def figure(self) -> Figure:
        """For what belongs to no single axes."""
        return self._figure

    def picture(self) -> Picture:
        """The drawing as SVG, the same for the same data."""
        held = io.StringIO()
        self._figure.savefig(held, format="svg", metadata={"Date": None})
        return Picture(self._name, held.getvalue(), self._says)


@contextmanager
def drawing(name: str, says: str, columns: int = 1, size: tuple[float, float] | None = None) -> Iterator[Drawing]:
    """Opens a drawing in the report's style.

    Args:
        name: of its file.
        says: what is to be seen in it.
        columns: axes side by side.
        size: width and height in inches; by default 4 by 3.4 for each column.
    """
    with mpl.rc_context(_SETTINGS):
        yield Drawing(name, says, columns, size or (4.0 * columns + 0.4, 3.4))
