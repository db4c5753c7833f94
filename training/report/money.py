"""What an offer to everybody above a risk would bring."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churn.settings import Bands
from training import bands as thresholds
from training.report.parts import Picture
from training.report.style import COLOURS, GREY, drawing


def profit(grid: pd.DataFrame, bands: Bands, chosen: dict[str, Any]) -> Picture:
    """The expected profit over the share of users reached; a customer is worth 1 where the settings do not say more.

    Args:
        grid: out-of-fold rows on the grid.
        bands: cost of an offer, chance that it works, value of a customer.
        chosen: the card's thresholds.
    """
    curve = thresholds.profit_curve(grid, bands)
    best = curve.loc[curve["profit"].idxmax()]
    says = (
        f"Expected profit of an offer per 1,000 users: best, {best['profit']:.3g}, when the {best['reached']:.0%} with "
        f"a risk above {best['risk']:.2f} are reached."
    )
    with drawing("profit", says, size=(6.4, 3.4)) as drawn:
        [axes] = drawn.axes
        axes.plot(curve["reached"], curve["profit"], color=COLOURS["risk"])
        axes.axhline(0, color=GREY, linewidth=0.8)
        for band in ("high", "medium"):
            reached = float((grid["risk"] >= chosen[band]).mean())
            axes.axvline(reached, color=COLOURS["lapse"], linewidth=1, linestyle="--" if band == "high" else ":")
            axes.annotate(f" {band} band", (reached, 0.02), xycoords=("data", "axes fraction"), color=COLOURS["lapse"])
        worth = "a customer being worth 1" if bands.customer_value is None else "in the settings' money"
        axes.set(
            title="Profit of an offer",
            xlabel="share of users reached, highest risk first",
            ylabel=f"profit per 1,000 users,\n{worth}",
        )
        return drawn.picture()
