"""The feature table: one row per feature. Whatever a model sees of a user stands here, and only here.

A decayed sum is a forward-decayed count (Cormode, Shkapenyuk, Srivastava, Xu: *Forward Decay*, ICDE 2009).
With λ = ln 2 / half-life and a fixed landmark L, every event adds exp(λ·(t - L)) to a plain sum S, and the
value as of a time is S·exp(-λ·(as_of - L)): each event weighs 1 when it happens and half of that a half-life
later. Sums do not care about order, so an event that arrives late needs no special care.

`churn.rolling` executes the table in Spark. `tests/oracle.py` computes the same from the definitions alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Literal

from churn.settings import DAY_MS

LANDMARK_MS = 1_704_067_200_000
"""L: 2024-01-01. A double holds 1,023 half-lives either side: 8 years at a half-life of 3 days."""

Driver = Literal["adverts", "errors", "satisfaction", "engagement", "plan", "support", "silence", "tenure"]
Kind = Literal["decayed_sum", "level", "tenure", "silence"]
Transform = Literal["log1p", "identity"]
Level = Literal["free", "paid"]


@dataclass(frozen=True)
class Feature:
    """One row of the table.

    Attributes:
        name: as it stands in score records, cards and reasons.
        driver: the category under which a person is told about it.
        kind: how its value is made; see the module's text and :mod:`churn.rolling`.
        transform: what the model applies to the value.
        unit: what the value counts, in words.
        pages: for a decayed sum, the pages that add to it; none named are all but the outcome's own.
        half_life_days: for a decayed sum.
        on_level: for a decayed sum, count only what happens on this plan.
        opens_session: for a decayed sum, count only the first event of a session, `itemInSession` 0.
        unit_ms: for tenure and silence, what the value counts.
    """

    name: str
    driver: Driver
    kind: Kind
    transform: Transform
    unit: str
    pages: tuple[str, ...] = ()
    half_life_days: float = 0.0
    on_level: Level | None = None
    opens_session: bool = False
    unit_ms: int = DAY_MS

    @property
    def decay_per_ms(self) -> float:
        """λ, of a decayed sum."""
        return math.log(2) / (self.half_life_days * DAY_MS)

    @property
    def rate_per_day(self) -> float:
        """λ in days: a decayed sum times this is a rate per day."""
        return math.log(2) / self.half_life_days


HALF_LIVES_DAYS = (3, 14)


def _counted(
    name: str, driver: Driver, unit: str, *pages: str, on_level: Level | None = None, opens_session: bool = False
) -> tuple[Feature, ...]:
    """A decayed sum for each half-life."""
    return tuple(
        Feature(f"{name}_{days}d", driver, "decayed_sum", "log1p", unit, pages, days, on_level, opens_session)
        for days in HALF_LIVES_DAYS
    )


DECAYED_SUMS: tuple[Feature, ...] = (
    *_counted("adverts", "adverts", "adverts", "Roll Advert"),
    *_counted("errors", "errors", "errors", "Error"),
    *_counted("thumbs_up", "satisfaction", "thumbs up", "Thumbs Up"),
    *_counted("thumbs_down", "satisfaction", "thumbs down", "Thumbs Down"),
    # Apart, because what annoys people is a share: adverts come with free songs, a look at downgrading with paid ones.
    *_counted("songs_free", "engagement", "songs on the free plan", "NextSong", on_level="free"),
    *_counted("songs_paid", "engagement", "songs on the paid plan", "NextSong", on_level="paid"),
    *_counted("sessions", "engagement", "sessions", opens_session=True),
    *_counted("playlists", "engagement", "songs added to playlists", "Add to Playlist"),
    *_counted("friends", "engagement", "friends added", "Add Friend"),
    *_counted("visits", "engagement", "visits to the home page", "Home"),
    *_counted("upgrades", "plan", "visits to the upgrade pages", "Upgrade", "Submit Upgrade"),
    *_counted("downgrades", "plan", "visits to the downgrade pages", "Downgrade", "Submit Downgrade"),
    *_counted("help", "support", "visits to the help pages", "Help", "About"),
    *_counted("settings", "support", "visits to the settings", "Settings", "Save Settings"),
)

FEATURES: tuple[Feature, ...] = (
    *DECAYED_SUMS,
    Feature("paid", "plan", "level", "identity", "1 when the newest event was on the paid plan, else 0"),
    Feature("tenure_days", "tenure", "tenure", "log1p", "days since registration"),
    Feature("silence_days", "silence", "silence", "log1p", "days since the last event"),
    # Days tell a week from a fortnight, minutes tell somebody who is listening now from somebody who was yesterday.
    Feature("silence_minutes", "silence", "silence", "log1p", "minutes since the last event", unit_ms=60_000),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SUM_NAMES: tuple[str, ...] = tuple(feature.name for feature in DECAYED_SUMS)


def table_hash() -> str:
    """SHA-256 over every row of the table: two programs with one hash mean the same by every feature."""
    rows = json.dumps([asdict(feature) for feature in FEATURES], sort_keys=True)
    return hashlib.sha256(f"{LANDMARK_MS}{rows}".encode()).hexdigest()
