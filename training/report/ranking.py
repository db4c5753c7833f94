"""Does the model put those who leave first: ROC, precision and recall, gain and lift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from training.metrics import Foreseen, Vector, auc, lift_at_10
from training.report.parts import Picture
from training.report.style import COLOURS, DASHES, GREY, NAMES, drawing

_POINTS = 300


def curves(tested: Mapping[str, Foreseen], leaky: Foreseen | None) -> Picture:
    """ROC and precision-recall curves; the leaky protocol's own ROC beside."""
    said = "; ".join(
        f"{NAMES[name]} has an area of {_auc(one):.2f} under its ROC curve" for name, one in tested.items()
    )
    with drawing("ranking", f"ROC and precision-recall curves: {said}.", columns=2) as drawn:
        roc, precision = drawn.axes
        for name, one in tested.items():
            false, true, _ = roc_curve(one.label, one.chance)
            style: dict[str, Any] = {"color": COLOURS[name], "linestyle": DASHES[name]}
            roc.plot(*_thin(false, true), label=f"{NAMES[name]}: {_auc(one):.2f}", **style)
            p, r, _ = precision_recall_curve(one.label, one.chance)
            # The first few rows alone make a precision that jumps between 0 and 1 and says nothing.
            p, r = p[r > 0.01], r[r > 0.01]
            precision.plot(*_thin(r, p), label=f"{NAMES[name]}: base rate {one.label.mean():.1%}", **style)
            precision.axhline(one.label.mean(), color=COLOURS[name], linewidth=0.7, alpha=0.6)
        if leaky is not None:
            false, true, _ = roc_curve(leaky.label, leaky.chance)
            roc.plot(
                *_thin(false, true),
                color=COLOURS["leaky"],
                linewidth=1.2,
                label=f"leaky protocol, cancel: {_auc(leaky):.2f}",
            )
        roc.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        roc.set(title="ROC curve", xlabel="share of those who stay, above the risk", ylabel="share of those who leave")
        precision.set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, None))
        roc.legend(loc="lower right")
        precision.legend(loc="upper right")
        return drawn.picture()


def gain(tested: Mapping[str, Foreseen]) -> Picture:
    """How many of those who leave are among the users with the highest risk, and how much more often than by chance."""
    said = "; ".join(
        f"{NAMES[name]} {lift_at_10(one.label, one.chance, np.ones(len(one.label))):.1f}"
        for name, one in tested.items()
    )
    with drawing("gain", f"Gain and lift curves; lift in the top tenth: {said}.", columns=2) as drawn:
        gained, lifted = drawn.axes
        for name, one in tested.items():
            reached, found = _gained(one)
            style: dict[str, Any] = {"color": COLOURS[name], "linestyle": DASHES[name], "label": NAMES[name]}
            gained.plot(reached, found, **style)
            keep = reached >= 0.02
            lifted.plot(reached[keep], found[keep] / reached[keep], **style)
        gained.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        lifted.axhline(1, color=GREY, linewidth=0.8)
        gained.set(title="Gain", xlabel="share of users reached, highest risk first", ylabel="share of those who leave")
        lifted.set(
            title="Lift",
            xlabel="share of users reached, highest risk first",
            ylabel="rate, as a multiple of the base",
            ylim=(0, None),
        )
        gained.legend(loc="lower right")
        return drawn.picture()


def _gained(one: Foreseen) -> tuple[Vector, Vector]:
    order = np.argsort(-one.chance, kind="stable")
    found = np.cumsum(one.label[order]) / one.label.sum()
    return _thin(np.arange(1, len(found) + 1) / len(found), found)


def _auc(one: Foreseen) -> float:
    return auc(one.label, one.chance, np.ones(len(one.label)))


def _thin(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """At most some hundred points: more make the file large and the line no finer."""
    keep = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
    return x[keep], y[keep]
