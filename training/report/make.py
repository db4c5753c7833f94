"""The sections of a report, out of what a training run has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from churn.settings import Bands
from training.evaluate import COLUMNS
from training.metrics import Foreseen
from training.report import importance, log_pictures, money, page, ranking, slices, summary, truth
from training.report.importance import Importance
from training.report.log_facts import LogFacts
from training.report.parts import Picture, Section, Table


@dataclass(frozen=True)
class Evidence:
    """What a report is about.

    Attributes:
        card: of the bundle.
        scored: every out-of-fold row, as `training.evaluate.out_of_fold` returns them.
        leaky: what the leaky protocol said of each user; None where it could not be run.
        facts: about the log.
        moved: what moves the final models.
        bands: settings of money and capacity.
    """

    card: Mapping[str, Any]
    scored: pd.DataFrame
    leaky: Foreseen | None
    facts: LogFacts
    moved: Importance
    bands: Bands


def write(folder: Path, evidence: Evidence) -> None:
    """Writes the report of a bundle into its folder."""
    page.write(folder, f"Model {evidence.card['version']}", sections(evidence))


def sections(evidence: Evidence) -> list[Section]:
    """Everything, in the order in which it is read."""
    card, scored = evidence.card, evidence.scored
    grid = scored[scored["on_grid"]]
    views = {
        "On the grid": foreseen(grid[~grid["cold"]]),
        "At events": foreseen(scored[~scored["on_grid"] & ~scored["cold"]]),
    }
    warm = views["On the grid"]
    told = {name: view for name, view in views.items() if view}
    groups = slices.by_group(grid)
    return [
        Section("In short", _in_short(card), _figures(card["metrics"])),
        Section(
            "Who leaves comes first",
            _RANKING,
            [ranking.curves(warm, evidence.leaky), ranking.gain(warm)] if warm else [],
        ),
        Section("What the probabilities mean", _TRUTH, [truth.calibration(told)] if told else []),
        Section(
            "What an offer brings",
            _money(card, evidence.bands),
            [money.profit(grid, evidence.bands, card["thresholds"])],
        ),
        Section("For whom it is good", _SLICES, [slices.aucs(groups), slices.table(groups)]),
        Section(
            "Days until the event", _BEFORE, [slices.before_the_end(grid[~grid["cold"]], card["thresholds"]["high"])]
        ),
        Section("What it looks at", _IMPORTANCE, [importance.picture(evidence.moved)]),
        Section("The log", _span(card), _log(evidence.facts)),
        Section("How it was chosen", _CHOSEN, [table] if (table := summary.candidates(card)) else []),
        Section("Made with", "", [_software(card)]),
    ]


def foreseen(rows: pd.DataFrame) -> dict[str, Foreseen]:
    """By outcome and for the risk; without those of which there is none to find."""
    found = {what: Foreseen.of(rows, label, chance) for what, (label, chance) in COLUMNS.items()}
    return {what: one for what, one in found.items() if 0 < one.label.sum() < len(one.label)}


def _figures(metrics: Mapping[str, Any]) -> list[Table | Picture]:
    drawn = summary.claims(metrics)
    return [summary.table(metrics["test"]), *([drawn] if drawn else []), summary.baselines(metrics)]


def _in_short(card: Mapping[str, Any]) -> str:
    labels, data = card["labels"], card["data"]
    leaky = (
        " The leaky protocol beside does the same on this log, to show how much of such a figure is knowledge of what "
        "has happened already."
        if "leaky_protocol" in card["metrics"]
        else ""
    )
    return (
        f"Trained on {data['events']:,} events of {data['users']:,} users over {data['days']:g} days. Every figure is "
        f"about users and dates that the tested model had not seen, {labels['horizon_days']} days ahead, with an "
        "interval from resampled users that covers 95 %. Published work on this data often claims an AUC above .9 for "
        f"cancel: its features see the end of the log.{leaky}{_beware(card)}"
    )


def _beware(card: Mapping[str, Any]) -> str:
    return "".join(f" Beware: {line}" for line in card.get("beware", ()))


_RANKING = (
    "Pooled over all tests. Curves of the rows on the grid, of users seen for at least 7 days. The thin horizontal "
    "lines are the base rates."
)
_TRUTH = (
    "Ten bins of equal size. The stream scores at heartbeats, which are the rows on the grid, and at events, where "
    "nobody is silent: a probability has to be right at both."
)
_SLICES = (
    "Out-of-fold rows on the grid. Within a group the AUC may be lower than over all: part of what the model knows is "
    "which group somebody belongs to."
)
_BEFORE = (
    "How early does it show? The risk of people who will cancel, by the days that are left, against those who stay."
)
_IMPORTANCE = (
    "The mean distance by which the risk moves when a driver, or one feature, is replaced by a typical user's. It "
    "tells what the model looks at, not what causes anybody to leave."
)
_CHOSEN = (
    "Tried on the first dates only, among users of their own. Within one standard error of the best, the simplest kind "
    "is taken: logistic regression, then forest, then boosting."
)


def _money(card: Mapping[str, Any], bands: Bands) -> str:
    chosen = card["thresholds"]
    source = "what the team can do" if chosen["chosen_by"] == "capacity" else "money"
    return (
        f"The high band begins at a risk of {chosen['high']:.2f}, chosen by {source}; it would have raised "
        f"{chosen['alerts_per_thousand_per_day']:.1f} alerts a day per 1,000 users. The medium band begins at "
        f"{chosen['medium']:.2f}. An offer costs {bands.offer_cost:g} and works with "
        f"a chance of {bands.offer_success:.0%}."
    )


def _span(card: Mapping[str, Any]) -> str:
    first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in card["data"]["span_ms"])
    return f"From {first:%d %B %Y, %H:%M} to {last:%d %B %Y, %H:%M} UTC."


def _log(facts: LogFacts) -> list[Table | Picture]:
    drawn = [
        draw(facts) for draw in (log_pictures.pages, log_pictures.ending, log_pictures.levels, log_pictures.rhythm)
    ]
    rows = tuple((name, f"{number:,}") for name, number in facts.quality.items())
    return [Table(("what", "lines"), rows), *drawn] if rows else [*drawn]


def _software(card: Mapping[str, Any]) -> Table:
    models = [(outcome, f"{model['kind']}, {model['options']}") for outcome, model in card["models"].items()]
    return Table(("", ""), (*models, *card["software"].items(), ("features", card["features"]["hash"][:16])))
