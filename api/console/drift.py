"""How far the users of now are from those that the model learnt from, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from api.context import Context
from churn import bundle
from churn.bundle import Bundle
from churn.features import FEATURES, NAMES, Feature
from churn.moved_on import moved_on
from churn.phrases import Matrix
from churn.psi import by_chance, psi
from churn.view import UserScore

USERS = 2_000
CHUNK = 500
KEEP_S = 300.0

_SILENCE = NAMES.index("silence_days")


@dataclass(frozen=True)
class FeatureDrift:
    """One feature.

    Attributes:
        feature: which.
        index: the population stability index.
        then: the median among the rows of training, raw.
        now: that of the users now.
    """

    feature: Feature
    index: float
    then: float
    now: float


@dataclass(frozen=True)
class Learnt:
    """What the card tells of the rows of training.

    Attributes:
        rows: how many; 0 where the card does not tell how they were spread.
        edges: of the bins of each feature, in the order of the table.
        shares: of the rows in each bin, likewise.
        medians: raw, likewise.
    """

    rows: int = 0
    edges: tuple[tuple[float, ...], ...] = ()
    shares: tuple[tuple[float, ...], ...] = ()
    medians: tuple[float, ...] = ()

    @classmethod
    def of(cls, model: Bundle) -> Learnt:
        """Read from a card.

        Raises:
            ChurnError: it is not as it should be.
        """
        with bundle.reading(model.version):
            spread = model.card.get("distribution") or {}
            rows = int(spread.get("rows", 0))
            if not rows:
                return cls()
            held, reference = [spread["features"][name] for name in NAMES], model.card["reference"]
            edges = tuple(tuple(map(float, each["edges"])) for each in held)
            shares = tuple(tuple(map(float, each["shares"])) for each in held)
            for name, ends, parts in zip(NAMES, edges, shares, strict=True):
                if len(parts) != len(ends) + 1:
                    raise ValueError(f"{name} has {len(ends)} edges and {len(parts)} shares")
            return cls(rows, edges, shares, tuple(float(reference[name]) for name in NAMES))


@dataclass(frozen=True)
class Drift:
    """What was found.

    Attributes:
        found_ms: when, by the wall clock.
        clock_ms: the event clock, to which everybody was moved on.
        version: of the model whose training is compared with.
        users: a sample of those who are active.
        of_users: how many are ranked.
        rows: of training.
        by_chance: what the index of a feature with ten bins shows on average for so few users who have not changed.
        features: in the order of the table; none where the card does not tell how they were spread.
        other_models: how many of these users have a score of another model.
    """

    found_ms: int
    clock_ms: int
    version: str
    users: int
    of_users: int
    rows: int
    by_chance: float
    features: tuple[FeatureDrift, ...]
    other_models: int


def of(context: Context, model: Bundle) -> Drift | None:
    """At most some minutes old; None while nobody is active.

    Raises:
        redis.RedisError: Redis does not serve.
        ChurnError: the card is not as it should be.
    """

    def fits(held: Drift | None) -> bool:
        return held is not None and held.version == model.version  # the first scores are not kept waiting

    return context.remembered.get("drift", KEEP_S, lambda: _find(context, model), fits).value


def _find(context: Context, model: Bundle) -> Drift | None:
    learnt = Learnt.of(model)  # first: users are many, and of a bad card nothing could be told of them
    client, clock_ms = context.view.redis, context.view.clock()
    drawn = cast("list[str] | None", client.zrandmember("churn:ranking", USERS))
    if clock_ms is None or not drawn:
        return None
    some = (drawn[place : place + CHUNK] for place in range(0, len(drawn), CHUNK))
    found = [each for ids in some for each in context.view.users(ids) if each is not None]
    whole = [each for each in found if len(each.score.features) == len(NAMES)]
    values = as_of(whole, clock_ms, model.horizon_days)
    if not len(values):
        return None
    return Drift(
        found_ms=context.clock(),
        clock_ms=clock_ms,
        version=model.version,
        users=len(values),
        of_users=client.zcard("churn:ranking"),
        rows=learnt.rows,
        by_chance=by_chance(10, max(1, learnt.rows), len(values)),
        features=compared(learnt, values) if learnt.rows else (),
        other_models=sum(each.score.model_version != model.version for each in whole),
    )


def as_of(users: Sequence[UserScore], clock_ms: int, horizon_days: int) -> Matrix:
    """The features of users as of one moment, as the rows of training are; without those who have lapsed by then.

    Args:
        users: with a value of every feature.
        clock_ms: the moment.
        horizon_days: of silence, until somebody is lapsed.
    """
    rows = [[each.score.features[name] for name in NAMES] for each in users]
    since_ms = np.array([max(0, clock_ms - each.score.as_of) for each in users], dtype=np.int64)
    heard = np.array([each.score.last_event is not None for each in users], dtype=np.bool_)
    values = moved_on(np.array(rows, dtype=np.float64).reshape(-1, len(NAMES)), since_ms, heard)
    return values[values[:, _SILENCE] < horizon_days]


def compared(learnt: Learnt, values: Matrix) -> tuple[FeatureDrift, ...]:
    """Each feature as it was in training beside what it is now: one row of values per user."""
    then = zip(FEATURES, learnt.edges, learnt.shares, learnt.medians, values.T, strict=True)
    return tuple(
        FeatureDrift(feature, psi(parts, in_bins(edges, column)), median, float(np.median(column)))
        for feature, edges, parts, median, column in then
    )


def in_bins(edges: Sequence[float], values: Matrix) -> list[float]:
    """The share of values in each bin; one on an edge is in the bin below it, as in training."""
    places = np.searchsorted(np.array(edges, dtype=np.float64), values, side="left")
    counted: list[float] = (np.bincount(places, minlength=len(edges) + 1) / len(values)).tolist()
    return counted
