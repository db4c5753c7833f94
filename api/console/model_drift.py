"""Drift in words and as rows of bars, by driver; what has moved most comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.console.drift import USERS, Drift, FeatureDrift
from api.console.moments import Moment, now_of
from churn.features import Driver, Feature
from churn.phrases import DRIVERS, phrase
from churn.psi import FAR_AWAY, MOVED, Reading, reading

SURE_USERS = 200
"""With fewer, chance alone moves a feature of ten bins by about .05 and more."""
_LEAST_SCALE, _MOST_SCALE = 0.4, 1.0


@dataclass(frozen=True)
class DriftRow:
    """One feature: what it counts, over which half-life, its bar in per cent of the scale, and its figures as text."""

    unit: str
    over: str
    width: float
    index: str
    reading: Reading
    medians: str


@dataclass(frozen=True)
class DriftGroup:
    """The features of a driver."""

    driver: Driver
    rows: tuple[DriftRow, ...]


@dataclass(frozen=True)
class DriftWords:
    """What the page tells.

    Attributes:
        found: when it was found out, by the wall clock.
        says: what is to be seen; sentences.
        by_chance: what so few users show of themselves.
        lines: where moved and far away begin, in per cent of the scale.
        scale: the index at the end of a bar.
        groups: the driver first of which a feature moved most; empty where the card does not tell.
    """

    found: Moment
    says: str
    by_chance: str
    lines: tuple[float, float]
    scale: float
    groups: tuple[DriftGroup, ...]


def words(found: Drift) -> DriftWords:
    """Tells what was found."""
    largest = max((each.index for each in found.features), default=0.0)
    scale = min(_MOST_SCALE, max(_LEAST_SCALE, largest))
    groups = [
        DriftGroup(driver, tuple(_row(each, scale) for each in _sorted(found.features, driver))) for driver in DRIVERS
    ]
    first = {driver: max((f.index for f in _sorted(found.features, driver)), default=0.0) for driver in DRIVERS}
    return DriftWords(
        found=now_of(found.found_ms),
        says=_says(found),
        by_chance=_by_chance(found),
        lines=(100 * MOVED / scale, 100 * FAR_AWAY / scale),
        scale=scale,
        groups=tuple(sorted(groups, key=lambda each: -first[each.driver])) if found.features else (),
    )


def _sorted(features: Sequence[FeatureDrift], driver: Driver) -> list[FeatureDrift]:
    return sorted((each for each in features if each.feature.driver == driver), key=lambda each: -each.index)


def _row(each: FeatureDrift, scale: float) -> DriftRow:
    feature = each.feature
    return DriftRow(
        unit=_unit(feature),
        over=f"half-life {feature.half_life_days:g} days" if feature.kind == "decayed_sum" else "",
        width=round(100 * min(1.0, each.index / scale), 2),
        index=f"{each.index:.3f}",
        reading=reading(each.index),
        medians=phrase(feature, each.now, each.then, "in training"),
    )


def _unit(feature: Feature) -> str:
    return "on the paid plan or not" if feature.kind == "level" else feature.unit


def _says(found: Drift) -> str:
    readings = [reading(each.index) for each in found.features]
    far, moved, stable = (readings.count(word) for word in ("far away", "moved", "stable"))
    most = max(found.features, key=lambda each: each.index, default=None)
    told = (
        f"{far} of {len(readings)} features {'is' if far == 1 else 'are'} far away from training, {moved} "
        f"{'has' if moved == 1 else 'have'} moved, {stable} {'is' if stable == 1 else 'are'} stable."
    )
    if most is not None and most.index >= MOVED:
        over = f" (half-life {most.feature.half_life_days:g} days)" if most.feature.kind == "decayed_sum" else ""
        told += f" Most has moved: {_unit(most.feature)}{over}."
    return told


def _by_chance(found: Drift) -> str:
    some = f"{found.users:,} active users of {found.of_users:,}"
    some = f"A sample of {some}" if found.of_users > USERS else some
    who = f"{some}, each as of the event clock, against {found.rows:,} rows of training."
    few = f" So few users show about {found.by_chance:.2f} by chance alone." if found.users < SURE_USERS else ""
    mixed = f" {found.other_models:,} of them have a score of another model." if found.other_models else ""
    return f"{who}{few}{mixed}"
