"""The figures of a card as tables and a picture: the model, what it must beat, and what the leaky protocol claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from churn.outcomes import OUTCOMES, Outcome
from training.report.parts import Picture, Table
from training.report.style import COLOURS, GREY, drawing

_SHOWN = {
    "auc": ("ROC AUC", "{:.3f}"),
    "pr_auc_over_base": ("PR-AUC over the base rate", "{:.2f}"),
    "lift_at_10": ("lift in the top tenth", "{:.2f}"),
    "brier_skill": ("Brier skill", "{:.1%}"),
    "ece": ("calibration error (ECE)", "{:.3f}"),
}


_OWN = "this model"
_PERFECT = {
    "ece_if_perfect": "ECE of true probabilities",
    "ece_if_perfect_and_shared": "the same, a user's rows sharing one fate",
}


def table(view: Mapping[str, Any]) -> Table:
    """Every figure of the outcomes and the risk, with its interval."""
    whats = list(view)
    rows = [(label, *(_told(view[what].get(name), form) for what in whats)) for name, (label, form) in _SHOWN.items()]
    for name, label in _PERFECT.items():
        rows.append((label, *(_number(view[what].get(name), "{:.3f}") for what in whats)))
    rows.append(("rows", *(f"{view[what]['n']:,}" for what in whats)))
    rows.append(("of them left", *(f"{view[what]['positives']:,}" for what in whats)))
    rows.append(("base rate", *(_number(view[what]["base_rate"], "{:.1%}") for what in whats)))
    return Table(("", *whats), tuple(rows))


def _told(figure: Mapping[str, Any] | None, form: str) -> str:
    if figure is None:
        return "-"
    value = form.format(figure["value"])
    return value if figure["low"] is None else f"{value} [{form.format(figure['low'])}, {form.format(figure['high'])}]"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def baselines(metrics: Mapping[str, Any]) -> Table:
    """How far the model's AUC lies above that of each simple rule, on the same rows and resamples of users."""
    found = metrics["baselines"]
    names = list(found[OUTCOMES[0]])
    rows = [(name, *(_told(one[name]["auc_above"], "{:+.3f}") for one in found.values())) for name in names]
    return Table(("AUC of the model above", *found), tuple(rows))


Bar = tuple[str, float, str]
"""A name, its AUC, and a colour."""


def claims(metrics: Mapping[str, Any]) -> Picture | None:
    """AUC of the model beside the baselines, and, for `cancel`, beside what the leaky protocol claims.

    An outcome that nobody had among the rows in the figures is left out; None when that is both.
    """
    bars = {outcome: found for outcome in OUTCOMES if (found := _bars(metrics, outcome))}
    if not bars:
        return None
    leaky = _leaky(metrics)
    claimed = "" if leaky is None else f"; the leaky protocol claims {leaky:.2f} on the same log"
    says = f"AUC of the model and of simple rules by outcome{claimed}."
    with drawing("claims", says, columns=len(bars), size=(4.3 * len(bars), 2.8)) as drawn:
        for axes, (outcome, found) in zip(drawn.axes, bars.items(), strict=True):
            _draw_bars(axes, found, metrics["test"][outcome].get("auc"))
            axes.set(title=f"AUC for {outcome}")
        return drawn.picture()


def _leaky(metrics: Mapping[str, Any]) -> float | None:
    auc: float | None = metrics.get("leaky_protocol", {}).get("cancel", {}).get("auc")
    return auc


def _bars(metrics: Mapping[str, Any], outcome: Outcome) -> list[Bar]:
    bars = [(name, one["auc"], GREY) for name, one in metrics["baselines"][outcome].items() if one["auc"]]
    if own := metrics["test"][outcome].get("auc"):
        bars.append((_OWN, own["value"], COLOURS[outcome]))
    leaky = _leaky(metrics)
    if outcome == "cancel" and leaky is not None:
        bars.append(("leaky protocol", leaky, COLOURS["leaky"]))
    return bars


def _draw_bars(axes: Axes, bars: list[Bar], own: Mapping[str, Any] | None) -> None:
    """Draws bars, and over the model's own its interval.

    Args:
        axes: where.
        bars: at least one.
        own: `value, low, high` of the model; `low` and `high` may be None.
    """
    names, values, colours = zip(*bars, strict=True)
    axes.barh(names, [value - 0.5 for value in values], left=0.5, color=colours, height=0.6)
    if own and own["low"] is not None:
        axes.plot([own["low"], own["high"]], [_OWN] * 2, color="#222222", linewidth=1.2)
    for name, value, _ in bars:
        end = max(value, (own or {}).get("high") or 0) if name == _OWN else value
        axes.annotate(f" {value:.2f}", (end, name), va="center")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlim=(min(0.45, *values), 1.02))


def candidates(card: Mapping[str, Any]) -> Table | None:
    """What was tried on the first dates, as means over folds; None when nothing was."""
    rows = []
    for outcome in OUTCOMES:
        by_name: dict[str, list[tuple[float, float]]] = {}
        for one in card["selection"][outcome]:
            options = ", ".join(f"{name} {value:g}" for name, value in one["options"].items())
            by_name.setdefault(f"{one['kind']}, {options}", []).append((one["pr_auc_over_base"], one["error"]))
        for name, found in by_name.items():
            value, error = (sum(column) / len(found) for column in zip(*found, strict=True))
            rows.append((outcome, name, f"{value:.2f}", f"{error:.2f}"))
    return Table(("outcome", "candidate", "PR-AUC over the base rate", "standard error"), tuple(rows)) if rows else None
