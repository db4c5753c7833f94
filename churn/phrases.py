"""A driver in words: what the user's figure is, and what it is compared with."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from churn.features import FEATURES, Driver, Feature
from churn.settings import DAY_MS

Matrix = NDArray[np.float64]

DRIVERS: tuple[Driver, ...] = get_args(Driver)
OF_DRIVER = np.array([[feature.driver == driver for feature in FEATURES] for driver in DRIVERS])
"""Which features are a driver's own: one row per driver, one column per feature."""


def telling(values: Matrix, others: Matrix) -> NDArray[np.intp]:
    """Which feature of each driver differs most, as people see it: from 0 to 1 an hour is more than from 100 to 101.

    Of two that differ as much, it is the one over the longer time. No songs on the plan that somebody does not have are
    no news: they are not told while the driver has anything else.

    Args:
        values: raw values, one row per user, columns in the order of the feature table.
        others: what they are compared with, likewise.

    Returns:
        Places in the feature table, one row per user, one column per driver.
    """
    mine, theirs = values[:, _LONGEST_FIRST] * _SCALES, others[:, _LONGEST_FIRST] * _SCALES
    distances = np.abs(mine - theirs) / (1 + np.maximum(mine, theirs))
    is_paid = values[:, [_PAID]] >= 0.5
    elsewhere = np.where(is_paid, _ON_FREE, _ON_PAID)[:, _LONGEST_FIRST] & (mine < _SMALLEST)
    distances = np.where(elsewhere, -0.5, distances)
    places: NDArray[np.intp] = np.where(OF_DRIVER[:, _LONGEST_FIRST], distances[:, None, :], -1.0).argmax(axis=2)
    return _LONGEST_FIRST[places]


def phrase(feature: Feature, value: float, other: float, beside: str) -> str:
    """A figure and what it is compared with.

    Such as `2.6 adverts a day lately; typical 0.4`, `no adverts lately; typical 3.4 a day` or `silent for 40 minutes;
    typical 2.1 days`.

    Args:
        feature: what the values are of.
        value: raw.
        other: the one to compare with.
        beside: what that is called: `typical`, `before`.
    """
    if feature.kind == "silence":
        return f"silent for {_lasting(feature, value)}; {beside} {_lasting(feature, other)}"
    number, compared = _number(feature, value), _number(feature, other)
    if feature.kind != "decayed_sum":
        said = f"on the {number} plan" if feature.kind == "level" else f"registered {number} days ago"
        return f"{said}; {beside} {compared}"
    against = "none" if compared in _NOTHING else compared
    if number in _NOTHING:
        return f"no {feature.unit} {_span(feature)}; {beside} {against}{'' if against == 'none' else ' a day'}"
    return f"{number} {feature.unit} a day {_span(feature)}; {beside} {against}"


def _scale(feature: Feature) -> float:
    """What a value is multiplied by to be as people say it: a rate a day, or days."""
    if feature.kind == "decayed_sum":
        return feature.rate_per_day
    return 1.0 if feature.kind == "level" else feature.unit_ms / DAY_MS


_SCALE = {feature.name: _scale(feature) for feature in FEATURES}
_LONGEST_FIRST = np.argsort([-feature.half_life_days for feature in FEATURES], kind="stable")
_SCALES = np.array([_SCALE[FEATURES[place].name] for place in _LONGEST_FIRST])
_NOTHING = ("0.0", "0.00")
_SMALLEST = 0.005
"""What is less is written as nothing."""
_PAID = next(place for place, feature in enumerate(FEATURES) if feature.kind == "level")
_ON_FREE, _ON_PAID = (np.array([feature.on_level == level for feature in FEATURES]) for level in ("free", "paid"))


def _span(feature: Feature) -> str:
    return "in the last days" if feature.half_life_days <= 3 else "lately"


def _number(feature: Feature, value: float) -> str:
    if feature.kind == "level":
        return "paid" if value >= 0.5 else "free"
    return _in_digits(value * _SCALE[feature.name])


def _lasting(feature: Feature, value: float) -> str:
    """A silence in the largest unit that it fills."""
    days = value * _SCALE[feature.name]
    for unit, of_a_day in (("days", 1), ("hours", 24), ("minutes", 1440)):
        if days * of_a_day >= 1:
            return f"{_in_digits(days * of_a_day)} {unit}"
    return "less than a minute"


def _in_digits(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.1f}" if figure >= 0.1 or figure == 0 else f"{figure:.2f}"
