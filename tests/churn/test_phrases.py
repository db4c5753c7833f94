"""Drivers in words."""

from __future__ import annotations

import numpy as np
import pytest

from churn.features import FEATURES, NAMES, Driver
from churn.phrases import DRIVERS, phrase, telling

NOTHING = dict.fromkeys(NAMES, 0.0)
RATE = next(feature.rate_per_day for feature in FEATURES if feature.name == "adverts_14d")


@pytest.mark.parametrize(
    ("driver", "mine", "theirs", "words"),
    [
        ("adverts", {"adverts_14d": 2.6 / RATE}, {"adverts_14d": 0.4 / RATE}, "2.6 adverts a day lately; typical 0.4"),
        ("plan", {"paid": 0.0}, {"paid": 1.0}, "on the free plan; typical paid"),
        ("silence", {"silence_days": 9.31}, {"silence_days": 1.0}, "silent for 9.3 days; typical 1.0 days"),
        ("silence", {"silence_days": 0.02}, {"silence_days": 0.5}, "silent for 29 minutes; typical 12 hours"),
        ("silence", {"silence_days": 3.0}, {}, "silent for 3.0 days; typical less than a minute"),
        ("tenure", {"tenure_days": 120.4}, {"tenure_days": 60.0}, "registered 120 days ago; typical 60"),
        ("errors", {}, {}, "no errors lately; typical none"),
        ("errors", {}, {"errors_14d": 3.4 / RATE}, "no errors lately; typical 3.4 a day"),
        ("errors", {"errors_14d": 0.004 / RATE}, {"errors_14d": 0.4 / RATE}, "no errors lately; typical 0.4 a day"),
    ],
)
def test_the_users_figure_beside_the_typical_one(
    driver: Driver, mine: dict[str, float], theirs: dict[str, float], words: str
) -> None:
    assert told(driver, mine, theirs, "typical") == words


def test_the_figure_that_differs_most_is_told() -> None:
    words = told("satisfaction", {"thumbs_down_3d": 9.0}, {"thumbs_up_14d": 0.1}, "before")
    assert words.endswith("thumbs down a day in the last days; before none")


def test_no_songs_on_the_plan_that_somebody_does_not_have_are_no_news() -> None:
    typical = {"songs_paid_14d": 30.0, "songs_free_14d": 30.0, "friends_14d": 1.0}
    assert "songs on the free plan" in told("engagement", {"paid": 0.0}, typical, "typical")
    assert "songs on the paid plan" in told("engagement", {"paid": 1.0}, typical, "typical")
    left = {"paid": 0.0, "songs_paid_14d": 300.0, "songs_free_14d": 30.0}  # a while ago on the other plan
    assert "songs on the paid plan" in told("engagement", left, {"songs_free_14d": 30.0}, "typical")


def told(driver: Driver, mine: dict[str, float], theirs: dict[str, float], beside: str) -> str:
    """What is said of the first of two users; the other, who differs in nothing, is only beside it."""
    values, others = ([[(NOTHING | some)[name] for name in NAMES], [0.0] * len(NAMES)] for some in (mine, theirs))
    place = telling(np.array(values), np.array(others))[0, DRIVERS.index(driver)]
    return phrase(FEATURES[place], values[0][place], others[0][place], beside)
