"""Who the simulated listeners are: temperaments, and a person drawn from them. All names are made up."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random

from churn.settings import DAY_MS
from churn.simulated_pages import Chain, chain, row

ARTISTS = 2_000
SONGS = 20_000
_NEWCOMERS = 0.07
_NEWCOMER_SCALE_DAYS = 60.0
_MEMBER_DAYS = 41.0
_PAID_AT_FIRST = 0.19
_STATES = ("CA", "TX", "NY", "FL", "IL", "PA", "OH", "GA", "NC", "MI", "NJ", "VA", "WA", "AZ", "MA")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Simulated/1.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) Simulated/1.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13) Simulated/1.0",
    "Mozilla/5.0 (X11; Linux x86_64) Simulated/1.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 12_0 like Mac OS X) Simulated/1.0",
)


@dataclass(frozen=True)
class Temperament:
    """A kind of listener.

    Attributes:
        share: of the population.
        sessions_per_day: median over listeners of this kind.
        songs_per_session: median over listeners of this kind, on the paid plan.
        touchiness: how readily irritation makes them cancel, relative to others.
        fades_per_day: chance a day that they begin to lose interest.
        tastes: by page, how much more often than others they go there.
    """

    share: float
    sessions_per_day: float
    songs_per_session: float
    touchiness: float
    fades_per_day: float
    tastes: Mapping[str, float] = field(default_factory=dict)


TEMPERAMENTS: Mapping[str, Temperament] = {
    "devoted": Temperament(0.30, 0.35, 150, 0.6, 0.003, {"Thumbs Up": 1.2, "Thumbs Down": 0.7, "Add Friend": 1.1}),
    "casual": Temperament(0.32, 0.21, 125, 0.7, 0.015),
    "critical": Temperament(0.20, 0.28, 138, 2.4, 0.012, {"Thumbs Up": 0.8, "Thumbs Down": 1.8, "Help": 1.3}),
    "drifting": Temperament(0.18, 0.32, 132, 0.9, 0.060, {"Thumbs Up": 0.9, "Settings": 1.3}),
}
_SPREAD_SESSIONS = 0.82
_SPREAD_SONGS = 0.50


@dataclass(frozen=True)
class Person:
    """One listener, as drawn. Times in ms since 1970, UTC; `arrives` is set for those who register later on."""

    user_id: str
    first_name: str
    last_name: str
    gender: str
    location: str
    user_agent: str
    registration_ms: int
    arrives: bool
    level: str
    temperament: Temperament
    gap_days: float
    songs: float
    chains: Mapping[str, Chain]


def draw(index: int, start_ms: int, rng: Random) -> Person:
    """Draws the listener with this index from the listener's own random stream."""
    kind = _kind(rng.random())
    temperament = TEMPERAMENTS[kind]
    arrives = rng.random() < _NEWCOMERS
    return Person(
        user_id=str(100_001 + index),
        first_name=f"Given {rng.randrange(500):03d}",
        last_name=f"Family {rng.randrange(5_000):04d}",
        gender="F" if rng.random() < 0.47 else "M",
        location=f"Town {rng.randrange(400):03d}, {rng.choice(_STATES)}",
        user_agent=rng.choice(_AGENTS),
        registration_ms=_registration_ms(arrives, start_ms, rng),
        arrives=arrives,
        level="paid" if not arrives and rng.random() < _PAID_AT_FIRST else "free",
        temperament=temperament,
        gap_days=rng.lognormvariate(-math.log(temperament.sessions_per_day), _SPREAD_SESSIONS),
        songs=rng.lognormvariate(math.log(temperament.songs_per_session), _SPREAD_SONGS),
        chains=_chains(kind),
    )


def _registration_ms(arrives: bool, start_ms: int, rng: Random) -> int:
    """Members joined in the months before the start; newcomers keep coming, ever fewer, however long it runs."""
    if arrives:
        days = _NEWCOMER_SCALE_DAYS * rng.random() / (1.0 - rng.random())
        return start_ms + int(days * DAY_MS) // 1000 * 1000
    return start_ms - int(rng.expovariate(1.0 / _MEMBER_DAYS) * DAY_MS) // 1000 * 1000 - 1000


@cache
def _kinds() -> tuple[tuple[float, ...], tuple[str, ...]]:
    return row(TEMPERAMENTS, (temperament.share for temperament in TEMPERAMENTS.values()))


def _kind(draw: float) -> str:
    cumulative, kinds = _kinds()
    return kinds[bisect(cumulative, draw)]


@cache
def _chains(kind: str) -> Mapping[str, Chain]:
    tastes = TEMPERAMENTS[kind].tastes
    return {level: chain(level, tastes) for level in ("free", "paid")}


@cache
def songs() -> tuple[tuple[str, str, float], ...]:
    """Artist, title and length (s) of every song; the popular ones first. The same for every seed."""
    rng = Random("songs")  # noqa: S311 (a simulation, not a secret)
    return tuple(
        (
            f"Artist {int(ARTISTS * rng.random() ** 2):04d}",
            f"Song {number:05d}",
            round(min(max(rng.lognormvariate(math.log(234.0), 0.35), 30.0), 1800.0), 5),
        )
        for number in range(SONGS)
    )
