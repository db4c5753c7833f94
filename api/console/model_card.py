"""The card of a model in words and figures: what it was learnt from, how good it was, what it must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.alert_answers import percent
from api.console.moments import Moment, now_of
from churn import bundle
from churn.bundle import Bundle

WHATS = ("cancel", "lapse", "risk")


@dataclass(frozen=True)
class Cell:
    """A figure and its interval; empty where there is none."""

    value: str
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """A figure of each of :data:`WHATS`, or of each outcome; `about` says what it means."""

    name: str
    about: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class CardWords:
    """What the page tells of a card; parts that a card lacks are empty.

    Attributes:
        version: of the model.
        horizon_days: how far it looks ahead.
        created: when it was trained, by the wall clock.
        learnt: from what.
        tested: on what.
        figures: how good it was.
        beware: what it is not surely better than.
        baselines: how far its AUC lies above each simple rule.
        baselines_head: what stands above their columns.
        thresholds: where the bands begin, and why there; sentences.
        made: what else there is to know: name and text.
    """

    version: str
    horizon_days: int
    created: Moment | None
    learnt: str
    tested: str
    figures: tuple[Row, ...]
    beware: tuple[str, ...]
    baselines: tuple[Row, ...]
    baselines_head: tuple[str, ...]
    thresholds: tuple[str, ...]
    made: tuple[tuple[str, str], ...]


def words(model: Bundle) -> CardWords:
    """Tells a card.

    Raises:
        ChurnError: a member has another shape than it should.
    """
    card = model.card
    with bundle.reading(model.version):
        created = card.get("created")
        metrics = card.get("metrics") or {}
        return CardWords(
            version=model.version,
            horizon_days=model.horizon_days,
            created=now_of(round(datetime.fromisoformat(created).timestamp() * 1000)) if created else None,
            learnt=_learnt(card.get("data") or {}),
            tested=_tested(metrics.get("test") or {}),
            figures=_figures(metrics.get("test") or {}),
            beware=tuple(map(str, card.get("beware", ()))),
            baselines=_baselines(metrics.get("baselines") or {}),
            baselines_head=_baselines_head(metrics.get("baselines") or {}),
            thresholds=_thresholds(card),
            made=tuple(_made(card)),
        )


def _learnt(data: Mapping[str, Any]) -> str:
    return f"{data['events']:,} events of {data['users']:,} users over {data['days']:g} days" if data else ""


def _tested(view: Mapping[str, Any]) -> str:
    if "risk" not in view:
        return ""
    said = (
        f"Of users and dates that the tested models had not seen: {view['risk']['n']:,} daily looks at users known for "
        "at least a week."
    )
    auc = view["risk"].get("auc")
    sure = auc is not None and auc.get("low") is not None
    return f"{said} Below each figure its 95\N{NARROW NO-BREAK SPACE}% interval, by resampled users." if sure else said


@dataclass(frozen=True)
class _Form:
    """How a figure is written: Python's format of the number times `scale`, and its unit."""

    number: str
    unit: str = ""
    scale: float = 1.0

    def text(self, value: float) -> str:
        return format(value * self.scale, self.number) + self.unit

    def between(self, low: float, high: float) -> str:
        return f"{format(low * self.scale, self.number)} to {self.text(high)}"


_PLAIN = _Form(".3f")
_ABOVE = _Form("+.3f")
_TIMES = _Form(".2f", " \N{MULTIPLICATION SIGN}")
_SHARE = _Form(".1f", "\N{NARROW NO-BREAK SPACE}%", 100.0)

_FIGURES: tuple[tuple[str, str, str, _Form], ...] = (
    ("auc", "AUC", "how often one who leaves has the higher chance than one who stays; 0.5 is guessing", _PLAIN),
    ("lift_at_10", "Lift in the top tenth", "how much more often the tenth with the highest chance leaves", _TIMES),
    ("pr_auc_over_base", "PR-AUC ÷ base rate", "mean precision against that of guessing", _TIMES),
    ("ece", "Calibration error (ECE)", "mean distance between what was said and what came", _SHARE),
    ("ece_if_perfect", "ECE of a perfect model", "what true chances would show on as many rows, by accident", _SHARE),
    (
        "ece_if_perfect_and_shared",
        "ECE of a perfect model, fates shared",
        "the same when all rows of a user share one fate, as overlapping horizons make them do in part",
        _SHARE,
    ),
    ("base_rate", "Base rate", "how many left within the horizon", _SHARE),
)


def _figures(view: Mapping[str, Any]) -> tuple[Row, ...]:
    if not all(what in view for what in WHATS):
        return ()
    return tuple(
        Row(label, about, tuple(_cell(view[what].get(name), form) for what in WHATS))
        for name, label, about, form in _FIGURES
    )


def _cell(figure: Any, form: _Form) -> Cell:
    """A number, or `value, low, high`; a dash where nobody or everybody left."""
    if figure is None:
        return Cell("\N{EN DASH}")
    if not isinstance(figure, Mapping):
        return Cell(form.text(figure))
    if figure.get("low") is None:
        return Cell(form.text(figure["value"]))
    return Cell(form.text(figure["value"]), form.between(figure["low"], figure["high"]))


_RULES = {
    "base rate": "everybody gets the same chance",
    "level only": "knows nothing but the plan",
    "recency only": "knows nothing but how long somebody has been silent",
    "adverts only": "knows nothing but how many adverts were heard",
}


def _baselines(found: Mapping[str, Any]) -> tuple[Row, ...]:
    names: Mapping[str, Any] = next(iter(found.values()), {})
    return tuple(
        Row(
            name[:1].upper() + name[1:],
            _RULES.get(name, ""),
            tuple(cell for one in found.values() for cell in _rule(one[name])),
        )
        for name in names
    )


def _baselines_head(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Of each outcome, and in newer cards of the risk."""
    return ("Rule", *(cell for what in found for cell in (f"AUC for {what}", "Above")))


def _rule(one: Mapping[str, Any]) -> tuple[Cell, Cell]:
    return _cell(one.get("auc"), _PLAIN), _cell(one.get("auc_above"), _ABOVE)


def _thresholds(card: Mapping[str, Any]) -> tuple[str, ...]:
    chosen, bands = card["thresholds"], card.get("bands") or {}
    begin = (
        f"The high band begins at a risk of {percent(chosen['high'], 1)}, the medium band at "
        f"{percent(chosen['medium'], 1)}."
    )
    if "chosen_by" not in chosen:
        return (begin,)
    if chosen["chosen_by"] == "money":
        why = "High was chosen by money: from there on an offer brings more than it costs."
    else:
        allowed = bands.get("alerts_per_thousand_per_day")
        why = "High was chosen by what the team can do" + (
            f": at most {allowed:g} alerts a day per 1,000 active users." if allowed is not None else "."
        )
    share = bands.get("medium_share")
    medium = "" if share is None else f"Medium takes in the {percent(share)} with the highest risk. "
    rang = f"On the tested rows this would have raised {chosen['alerts_per_thousand_per_day']:.1f} a day per 1,000."
    return begin, why, f"{medium}{rang}"


def _made(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for outcome, model in (card.get("models") or {}).items():
        options = ", ".join(f"{name} {value}" for name, value in model["options"].items())
        made.append((f"Model for {outcome}", f"{model['kind']}, {options}" if options else model["kind"]))
    kinds = {str(one.get("kind")) for one in card["calibration"].values() if isinstance(one, Mapping)}
    made.append(("Calibration", ", ".join(sorted(kinds))))
    if split := card.get("split"):
        parts = (card.get("training") or {}).get("date_parts")
        dates = now_of(split["edges_ms"][0]).words, now_of(split["edges_ms"][-1]).words
        made.append(
            (
                "Held out",
                f"{split['held_out']}: users in {split['folds']} folds, dates from {dates[0]} to {dates[1]}"
                + (f" in {parts} parts, of which those from the fourth on are tested" if parts else ""),
            )
        )
    table = card["features"]
    made.append(("Features", f"{len(table['table'])}, hash {table['hash'][:16]}"))
    made += [(name, str(release)) for name, release in (card.get("software") or {}).items()]
    return made
