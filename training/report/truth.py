"""Do the probabilities mean what they say: calibration, on the grid and at events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.metrics import Foreseen, calibration_bins
from training.report.parts import Picture
from training.report.style import COLOURS, DASHES, GREY, NAMES, drawing

_RESAMPLES = 100


def calibration(views: Mapping[str, Mapping[str, Foreseen]]) -> Picture:
    """What came against what was foreseen, in ten bins of equal size, with 95 % intervals by resampled users.

    Args:
        views: for a name of rows, `Foreseen` by outcome.
    """
    says = "Foreseen probability against what came, in ten bins: points on the diagonal are right."
    with drawing("calibration", says, columns=len(views)) as drawn:
        for axes, (title, tested) in zip(drawn.axes, views.items(), strict=True):
            top = 0.0
            for name, one in tested.items():
                bins = calibration_bins(one.label, one.chance)
                low, high = _interval(one, len(bins))
                error = np.clip([bins["rate"] - low, high - bins["rate"]], 0, None)
                axes.errorbar(
                    bins["chance"],
                    bins["rate"],
                    yerr=error,
                    color=COLOURS[name],
                    linestyle=DASHES[name],
                    marker="o",
                    markersize=3.5,
                    linewidth=1.2,
                    elinewidth=0.8,
                    label=NAMES[name],
                )
                top = max(top, 1.15 * float(bins[["chance", "rate"]].to_numpy().max()))
            axes.plot([0, top], [0, top], color=GREY, linewidth=0.8)
            axes.set(title=title, xlabel="foreseen", ylabel="came", xlim=(0, top), ylim=(0, top))
            axes.legend(loc="best")
        return drawn.picture()


def _interval(one: Foreseen, bins: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """2.5 and 97.5 % of the rate in each of ten bins, over resamples of users; the bins stay where they are."""
    rng, users = np.random.default_rng(seed), int(one.user.max()) + 1
    place = np.empty(len(one.label), dtype=int)
    place[np.argsort(one.chance, kind="stable")] = np.arange(len(one.label)) * bins // len(one.label)
    drawn = []
    for _ in range(_RESAMPLES):
        weight = np.bincount(rng.integers(0, users, users), minlength=users)[one.user].astype(np.float64)
        total = np.bincount(place, weight, bins)
        drawn.append(np.bincount(place, weight * one.label, bins) / np.maximum(total, 1))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high
