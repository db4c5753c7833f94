"""For whom the model is good and for whom it is not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from training.metrics import Figures, Foreseen, figures
from training.report.parts import Picture, Table
from training.report.style import COLOURS, GREY, STAYED, drawing

_RESAMPLES = 60
_TENURES = (0, 30, 60, 120, np.inf)
_DAYS = 14


def by_group(grid: pd.DataFrame) -> list[tuple[str, str, Figures]]:
    """Figures for `cancel` by level, tenure, silence, cold start and date.

    Args:
        grid: out-of-fold rows on the grid, cold users among them.

    Returns:
        What is divided by, the group's name, its figures.
    """
    return [
        (kind, name, figures(Foreseen.of(rows, "cancel", "p_cancel"), _RESAMPLES))
        for kind, name, rows in _groups(grid)
        if len(rows)
    ]


def _groups(grid: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    warm = grid[~grid["cold"]]
    yield "level", "paid", warm[warm["paid"] > 0.5]
    yield "level", "free", warm[warm["paid"] <= 0.5]
    for low, high in pairwise(_TENURES):
        name = f"{low} to {high} days" if np.isfinite(high) else f"over {low} days"
        yield "registered", name, warm[(warm["tenure_days"] >= low) & (warm["tenure_days"] < high)]
    yield "silent for", "under 3 days", warm[warm["silence_days"] < 3]
    yield "silent for", "3 days or more", warm[warm["silence_days"] >= 3]
    yield "seen for", "under 7 days (cold)", grid[grid["cold"]]
    yield "seen for", "7 days or more", warm
    middle = warm["as_of"].median()
    yield "date", "first half", warm[warm["as_of"] < middle]
    yield "date", "second half", warm[warm["as_of"] >= middle]


def table(groups: list[tuple[str, str, Figures]]) -> Table:
    """The figures of every group; a dash where nobody or everybody left."""
    rows = []
    for kind, name, found in groups:
        auc = found.get("auc")
        told = f"{auc['value']:.2f} [{auc['low']:.2f}, {auc['high']:.2f}]" if auc and auc["low"] is not None else "-"
        base = f"{found['base_rate']:.1%}" if found["base_rate"] is not None else "-"
        lift = f"{found['lift_at_10']['value']:.1f}" if auc else "-"
        rows.append((f"{kind}: {name}", f"{found['n']:,}", f"{found['positives']:,}", base, told, lift))
    return Table(("group", "rows", "cancel", "rate", "AUC", "lift in the top tenth"), tuple(rows))


def aucs(groups: list[tuple[str, str, Figures]]) -> Picture:
    """AUC for `cancel` by group, with its interval."""
    drawable = [(f"{kind}: {name}", found["auc"]) for kind, name, found in groups if "auc" in found]
    with drawing(
        "groups", "AUC for cancel by group, as in the table below.", size=(6.8, 0.5 + 0.27 * len(drawable))
    ) as drawn:
        [axes] = drawn.axes
        for place, (_, auc) in enumerate(drawable):
            axes.plot([auc["low"], auc["high"]], [place, place], color=COLOURS["cancel"], linewidth=1.2)
            axes.plot(auc["value"], place, "o", color=COLOURS["cancel"], markersize=5)
        axes.axvline(0.5, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(drawable)), [name for name, _ in drawable])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(title="AUC for cancel, by group", xlabel="AUC with 95 % interval; .5 is chance")
        return drawn.picture()


def before_the_end(grid: pd.DataFrame, high: float) -> Picture:
    """Probability of cancelling by days until the cancellation, and the share in the high band, against those who stay.

    Args:
        grid: out-of-fold rows on the grid, of users who are not cold.
        high: risk at which the high band begins.
    """
    leaving = grid[grid["cancel"] > 0]
    days = np.floor(leaving["days_to_cancel"]).clip(0, _DAYS - 1).astype(int)
    staying = grid[(grid["cancel"] == 0) & (grid["lapse"] == 0)]
    says = (
        f"Mean probability of cancelling from {_DAYS} days before a cancellation to its day, "
        f"against {staying['p_cancel'].mean():.1%} of those who stay."
    )
    with drawing("before-the-end", says, columns=2) as drawn:
        chance, found = drawn.axes
        mean = leaving["p_cancel"].groupby(days).mean()
        chance.plot(mean.index, mean, color=COLOURS["cancel"], marker="o", markersize=3.5, label="cancel")
        chance.axhline(staying["p_cancel"].mean(), color=STAYED, linestyle="--", label="stay")
        caught = (leaving["risk"] >= high).groupby(days).mean()
        found.plot(caught.index, caught, color=COLOURS["cancel"], marker="o", markersize=3.5, label="cancel")
        found.axhline((staying["risk"] >= high).mean(), color=STAYED, linestyle="--", label="stay")
        for axes, title, what in (
            (chance, "Probability of cancelling", "mean"),
            (found, "In the high band", "share of users"),
        ):
            axes.invert_xaxis()
            axes.set(title=title, xlabel="days until the cancellation", ylabel=what)
            axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
            axes.legend(loc="upper left", ncols=2)
        return drawn.picture()
