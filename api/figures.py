"""A user's features as people say them, rates a day and days, and back: how a what-if is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from churn.features import DECAYED_SUMS, FEATURES, Feature, Level
from churn.settings import DAY_MS

MOST_PER_DAY = 10_000.0
MOST_DAYS = 36_500.0


def signal(feature: Feature) -> str:
    """What a decayed sum counts, whatever its half-life: `adverts` of `adverts_3d`."""
    return feature.name.rpartition("_")[0]


SIGNALS: dict[str, tuple[Feature, ...]] = {
    name: tuple(each for each in DECAYED_SUMS if signal(each) == name)
    for name in dict.fromkeys(map(signal, DECAYED_SUMS))
}

_Rate = Annotated[float | None, Field(ge=0, le=MOST_PER_DAY)]
_PER_DAY: dict[str, Any] = {
    name: (_Rate, Field(None, description=f"{features[0].unit} a day, as a steady rate"))
    for name, features in SIGNALS.items()
}
PerDay = create_model("PerDay", __config__={"extra": "forbid"}, **_PER_DAY)


class Changes(BaseModel, extra="forbid"):
    """What should be other than it is; what is left out stays."""

    per_day: PerDay | None = Field(None, description="rates, as if the user had kept to them all along")
    level: Level | None = Field(None, description="the plan; songs go along to it")
    silence_days: float | None = Field(None, ge=0, le=MOST_DAYS, description="days since the last event")
    tenure_days: float | None = Field(None, ge=0, le=MOST_DAYS, description="days since registration")

    def applied(self, features: Mapping[str, float]) -> dict[str, float]:
        """Raw values by name, with the changes."""
        found = dict(features)
        if self.level is not None:
            found |= on_level(found, self.level)
        rates = {} if self.per_day is None else self.per_day.model_dump(exclude_none=True)
        for name, rate in rates.items():
            found |= at_rate(name, rate)
        for kind, days in (("silence", self.silence_days), ("tenure", self.tenure_days)):
            if days is not None:
                found |= {each.name: days * DAY_MS / each.unit_ms for each in FEATURES if each.kind == kind}
        return found


def at_rate(name: str, per_day: float) -> dict[str, float]:
    """The decayed sums that a steady rate leaves: the rate over λ, in days."""
    return {feature.name: per_day / feature.rate_per_day for feature in SIGNALS[name]}


def on_level(features: Mapping[str, float], level: Level) -> dict[str, float]:
    """The plan's own feature, and the songs, which are counted on the plan that they were heard on."""
    other = "free" if level == "paid" else "paid"
    moved = {"paid": 1.0 if level == "paid" else 0.0}
    for mine, theirs in zip(SIGNALS[f"songs_{level}"], SIGNALS[f"songs_{other}"], strict=True):
        moved |= {mine.name: features[mine.name] + features[theirs.name], theirs.name: 0.0}
    return moved


def figures(features: Mapping[str, float]) -> dict[str, Any]:
    """Raw values as people say them: the members of :class:`Changes`.

    A rate is the one of the longest half-life: what the user has been doing lately.
    """
    silence = next(each for each in FEATURES if each.kind == "silence" and each.unit_ms == DAY_MS)
    tenure = next(each for each in FEATURES if each.kind == "tenure")
    return {
        "per_day": {name: features[longest.name] * longest.rate_per_day for name, (*_, longest) in SIGNALS.items()},
        "level": "paid" if features["paid"] >= 0.5 else "free",
        "silence_days": features[silence.name],
        "tenure_days": features[tenure.name],
    }
