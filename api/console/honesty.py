"""What became of what was said: of the scores whose horizon is over, how many came true.

Points say in which band somebody was, not why they left it: a point of the band `none` tells of somebody who has
cancelled or lapsed. They are kept every six hours and at each change of the band, and do not say which model made them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from api.console.model_shares import Chances, Codes, Estimate, Flags, estimate
from api.context import Context
from api.histories import History, histories
from churn.outcomes import Band
from churn.settings import DAY_MS
from churn.view_records import point

USERS = 2_000
KEEP_S = 300.0
BINS = 10
SCORES_PER_BIN, USERS_PER_BIN = 50, 10
"""At least: of fewer, a bin says nothing."""
BANDS: tuple[Band, ...] = ("high", "medium", "low")

_GONE = '"none"]'

Way = Literal["cancelled", "lapsed", "unknown"]
"""How somebody left; it is not known of who came back later."""


@dataclass(frozen=True)
class OfBand:
    """The closed scores of one band.

    Attributes:
        band: which the score was in.
        scores: how many.
        users: whose.
        said: mean risk.
        came: the share that came true.
        cancelled: scores that came true, by a cancellation.
        lapsed: by falling silent.
        unknown: in a way that is not known any more, because the user came back later.
    """

    band: Band
    scores: int
    users: int
    said: float
    came: Estimate
    cancelled: int
    lapsed: int
    unknown: int


@dataclass(frozen=True)
class Bin:
    """Closed scores of about one risk: the mean that was said, the share that came true, how many."""

    said: float
    came: Estimate
    scores: int


@dataclass(frozen=True)
class Honesty:
    """What was found.

    Attributes:
        found_ms: when, by the wall clock.
        clock_ms: the event clock then.
        horizon_ms: of the model.
        looked_at: users whose points were read.
        of_users: how many there are.
        scores: that are closed: one a user and day.
        users: whose they are.
        first_ms: of the oldest score that is kept, None when there is none.
        newest_ms: of the newest score that is closed, None when there is none.
        bands: those that hold a closed score, the highest first.
        bins: by risk, ascending.
        models: versions that made the newest scores of these users.
    """

    found_ms: int
    clock_ms: int
    horizon_ms: int
    looked_at: int
    of_users: int
    scores: int = 0
    users: int = 0
    first_ms: int | None = None
    newest_ms: int | None = None
    bands: tuple[OfBand, ...] = ()
    bins: tuple[Bin, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """Mean distance between what was said and what came, over the bins; None without any."""
        total = sum(each.scores for each in self.bins)
        return sum(abs(each.said - each.came.value) * each.scores for each in self.bins) / total if total else None


def of(context: Context) -> Honesty | None:
    """At most some minutes old; None while no model has scored anybody.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    # The first scores are not kept waiting.
    return context.remembered.get("honesty", KEEP_S, lambda: _find(context), lambda held: held is not None).value


def _find(context: Context) -> Honesty | None:
    horizon_days, clock_ms = context.view.horizon_days(), context.view.clock()
    if horizon_days is None or clock_ms is None:
        return None
    told = judge(histories(context.view.redis, USERS, clock_ms), horizon_days * DAY_MS, clock_ms)
    return told.honesty(context.clock(), context.view.books().users)


@dataclass
class Judged:
    """Closed scores as they are met: whose, in which band, the risk, and how the user left, if so."""

    horizon_ms: int
    clock_ms: int
    looked_at: int = 0
    first_ms: int | None = None
    newest_ms: int | None = None
    user: list[int] = field(default_factory=list)
    band: list[Band] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)
    came: list[Way | None] = field(default_factory=list)
    models: set[str] = field(default_factory=set)

    def honesty(self, found_ms: int, of_users: int) -> Honesty:
        """The figures."""
        user, chance = np.array(self.user, dtype=np.int64), np.array(self.chance, dtype=np.float64)
        left = np.array([each is not None for each in self.came], dtype=np.bool_)
        return Honesty(
            found_ms=found_ms,
            clock_ms=self.clock_ms,
            horizon_ms=self.horizon_ms,
            looked_at=self.looked_at,
            of_users=max(of_users, self.looked_at),
            scores=len(user),
            users=len(set(self.user)),
            first_ms=self.first_ms,
            newest_ms=self.newest_ms,
            bands=tuple(self._of_band(band, user, chance, left) for band in BANDS if band in self.band),
            bins=bins(chance, left, user),
            models=tuple(sorted(self.models)),
        )

    def _of_band(self, band: Band, user: Codes, chance: Chances, left: Flags) -> OfBand:
        held = np.array([each == band for each in self.band], dtype=np.bool_)
        came = [each for each, of_it in zip(self.came, self.band, strict=True) if of_it == band]
        return OfBand(
            band,
            len(came),
            len(np.unique(user[held])),
            float(chance[held].mean()),
            estimate(left[held], user[held]),
            came.count("cancelled"),
            came.count("lapsed"),
            came.count("unknown"),
        )


def judge(kept: Iterable[History], horizon_ms: int, clock_ms: int) -> Judged:
    """Goes over what is kept of some users.

    Of each user and day of event time counts the first point with a band. It is closed when the horizon after it is
    over, and came true when the user was gone at its end: who has left and come back by then has not left.

    Args:
        kept: of users.
        horizon_ms: of the model.
        clock_ms: the event clock.
    """
    told = Judged(horizon_ms, clock_ms)
    for code, past in enumerate(kept):
        told.looked_at += 1
        if past.model_version:
            told.models.add(past.model_version)
        if past.points:
            _add(told, code, past)
    return told


def _add(told: Judged, code: int, past: History) -> None:
    # Only what is counted is read in full: a user may have some hundred points.
    times = [int(text[1 : text.index(",")]) for text in past.points]
    gone = [text.endswith(_GONE) for text in past.points]
    if not all(gone):
        first_ms = times[gone.index(False)]
        told.first_ms = first_ms if told.first_ms is None else min(first_ms, told.first_ms)
    last_seen = max((place for place, each in enumerate(gone) if not each), default=-1)
    day = None
    for place, (as_of, is_gone) in enumerate(zip(times, gone, strict=True)):
        if is_gone or as_of // DAY_MS == day:
            continue
        if as_of + told.horizon_ms > told.clock_ms:
            break
        day = as_of // DAY_MS
        end = bisect_right(times, as_of + told.horizon_ms) - 1
        held = point(past.points[place])
        told.user.append(code)
        told.band.append(held.band)
        told.chance.append(held.risk)
        told.came.append(_way(past, end > last_seen) if gone[end] else None)
        told.newest_ms = max(as_of, told.newest_ms or as_of)


def _way(past: History, for_good: bool) -> Way:
    """What the status now says of a leaving, which is known of the last one alone."""
    return past.status if for_good and past.status in ("cancelled", "lapsed") else "unknown"


def bins(chance: Chances, came: Flags, user: Codes) -> tuple[Bin, ...]:
    """Bins of equal size by the risk that was said; fewer than ten where there are few scores or users."""
    if not len(chance):
        return ()
    number = max(1, min(BINS, len(chance) // SCORES_PER_BIN, len(np.unique(user)) // USERS_PER_BIN))
    return tuple(
        Bin(float(chance[held].mean()), estimate(came[held], user[held]), len(held))
        for held in np.array_split(np.argsort(chance, kind="stable"), number)
    )
