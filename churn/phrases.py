"""A driver in words: what the user's figure is, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from churn.features import FEATURES, Driver, Feature
from churn.settings import DAY_MS


def phrase(driver: Driver, features: Mapping[str, float], other: Mapping[str, float], beside: str) -> str:
    """The figures of a driver that differ most, such as `2.6 adverts a day lately; typical 0.4`.

    Args:
        driver: the category.
        features: raw values by name.
        other: the values to compare with.
        beside: what those are called: `typical`, `before`.
    """
    farthest, chosen = -1.0, _LONGEST_FIRST[driver][0]
    for feature in _LONGEST_FIRST[driver]:
        scale = _SCALE[feature.name]
        mine, theirs = features[feature.name] * scale, other[feature.name] * scale
        # As people see it: from 0 to 1 an hour is more than from 100 to 101.
        distance = abs(mine - theirs) / (1 + max(mine, theirs))
        if distance > farthest:
            farthest, chosen = distance, feature
    value, compared = _said(chosen, features[chosen.name]), _number(chosen, other[chosen.name])
    return f"{value}; {beside} {compared}"


def _scale(feature: Feature) -> float:
    """What a value is multiplied by to be as people say it: a rate a day, or days."""
    if feature.kind == "decayed_sum":
        return feature.rate_per_day
    return 1.0 if feature.kind == "level" else feature.unit_ms / DAY_MS


_SCALE = {feature.name: _scale(feature) for feature in FEATURES}
# Of two that differ as much, the one over the longer time is told.
_LONGEST_FIRST: dict[Driver, list[Feature]] = {
    driver: sorted((f for f in FEATURES if f.driver == driver), key=lambda f: -f.half_life_days)
    for driver in get_args(Driver)
}


def _said(feature: Feature, value: float) -> str:
    number = _number(feature, value)
    if feature.kind == "decayed_sum":
        return f"{number} {feature.unit} a day {_span(feature)}"
    if feature.kind == "level":
        return f"on the {number} plan"
    if feature.kind == "tenure":
        return f"registered {number} days ago"
    return f"silent for {number} days"


def _span(feature: Feature) -> str:
    return "in the last days" if feature.half_life_days <= 3 else "lately"


def _number(feature: Feature, value: float) -> str:
    if feature.kind == "level":
        return "paid" if value >= 0.5 else "free"
    figure = value * _SCALE[feature.name]
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.1f}" if figure >= 0.1 or figure == 0 else f"{figure:.2f}"
