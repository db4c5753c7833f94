"""Executes the feature table in Spark: over a stream, over history, and at every moment of history.

Each accumulator is one numeric value per user, made of one column per event and one commutative aggregate.
All state is numeric: a string among the aggregates would turn every hash aggregate into a sort aggregate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events
from churn.features import DECAYED_SUMS, FEATURES, HALF_LIVES_DAYS, LANDMARK_MS, SUM_NAMES, Feature

_PAGE = "page_number"
_AGGREGATES = {"sum": F.sum, "max": F.max, "min": F.min}


@dataclass(frozen=True)
class Accumulator:
    """One number kept per user: `aggregate` over `per_event`."""

    name: str
    per_event: Column
    aggregate: Literal["sum", "max", "min"]

    def total(self) -> Column:
        """The aggregate over the column that :func:`with_accumulands` adds."""
        return _AGGREGATES[self.aggregate](_accumuland(self.name))


def _accumuland(name: str) -> str:
    return f"each_{name}"


def _weight(half_life_days: float) -> str:
    return f"weight_{half_life_days}d"


def accumulators() -> list[Accumulator]:
    """Every accumulator, in the order in which they stand in the state."""
    real = ~_is(*events.RESERVED_PAGES)
    feeds = _feeds()
    opens = _is(events.OPENING)
    seen_at = F.when(opens, F.col("opening.last_event")).when(feeds, F.col("ts"))
    paid = F.when(F.col("level") == "paid", 1).otherwise(0)
    return [
        *(Accumulator(feature.name, _share(feature), "sum") for feature in DECAYED_SUMS),
        Accumulator("last_event", seen_at, "max"),
        # Level and its time in one long: the newest wins, and at equal times the paid plan.
        Accumulator("level_at", F.when(F.col("level").isNotNull(), seen_at * 2 + paid), "max"),
        Accumulator("registration", F.when(opens | feeds, F.col("registration")), "min"),
        Accumulator(
            "cancelled_at",
            F.when(opens, F.col("opening.cancelled_at")).when(_is(events.CANCELLED), F.col("ts")),
            "max",
        ),
        Accumulator("events", F.when(opens, F.col("opening.events")).when(real, 1).otherwise(0), "sum"),
        Accumulator("opened", F.when(opens, F.col("opening.events")).otherwise(0), "sum"),
        Accumulator("heartbeats", F.when(_is(events.HEARTBEAT), 1).otherwise(0), "sum"),
        Accumulator("version", F.lit(1).cast("bigint"), "sum"),
        Accumulator("as_of", F.col("ts"), "max"),
        Accumulator("received_ms", F.when(~opens, F.col("received_ms")), "max"),
    ]


def _share(feature: Feature) -> Column:
    """What one event adds to a decayed sum."""
    opened = F.coalesce(F.col(f"opening.sums.{feature.name}"), F.lit(0.0))
    counted = F.when(_counts(feature), F.col(_weight(feature.half_life_days)))
    return counted.when(_is(events.OPENING), opened).otherwise(0.0)


def _counts(feature: Feature) -> Column:
    """Whether an event is one of those that a decayed sum counts."""
    holds = _is(*feature.pages) if feature.pages else _feeds()
    if feature.on_level is not None:
        holds = holds & (F.col("level") == feature.on_level)
    if feature.opens_session:
        holds = holds & (F.col("item") == 0)
    return holds


def _feeds() -> Column:
    """Whether an event is somebody's own and not the outcome: that is the label, and no model may see it."""
    return ~_is(*events.RESERVED_PAGES, *events.OUTCOME_PAGES)


_NAMED_PAGES = (
    *dict.fromkeys(page for feature in DECAYED_SUMS for page in feature.pages),
    *events.OUTCOME_PAGES,
    *sorted(events.RESERVED_PAGES),
)
"""Every page that an accumulator asks for; all others are alike."""


def _page_number() -> Column:
    """The page as its place in `_NAMED_PAGES`: some forty accumulators ask for it, and a number is compared at once."""
    number = F.when(F.col("page") == _NAMED_PAGES[0], 0)
    for place, page in enumerate(_NAMED_PAGES[1:], 1):
        number = number.when(F.col("page") == page, place)
    return number.otherwise(-1)


def _is(*pages: str) -> Column:
    """Whether an event is of one of these pages."""
    return reduce(or_, (F.col(_PAGE) == _NAMED_PAGES.index(page) for page in pages))


def with_accumulands(frame: DataFrame, kept: Iterable[str]) -> DataFrame:
    """One column per accumulator on every event, beside the columns in `kept`."""
    weights = {
        _weight(days): F.exp(
            (F.col("ts") - LANDMARK_MS) * next(f.decay_per_ms for f in DECAYED_SUMS if f.half_life_days == days)
        )
        for days in HALF_LIVES_DAYS
    }
    each = [part.per_event.alias(_accumuland(part.name)) for part in accumulators()]
    return frame.withColumns({**weights, _PAGE: _page_number()}).select(*kept, *each)


def balances(frame: DataFrame) -> DataFrame:
    """One row per user with every accumulator, over a stream or over history."""
    totals = [part.total().alias(part.name) for part in accumulators()]
    return with_accumulands(frame, ["user_id"]).groupBy("user_id").agg(*totals)


def running_balances(frame: DataFrame, extra: Mapping[str, Column]) -> DataFrame:
    """Each user's accumulators as they stood at every moment, out of history.

    A moment holds all events with `ts <= moment`. Sums over the stretches between moments come first, and only
    those few rows are run up: aggregates over aggregates give the same.

    Args:
        frame: events with `moment`, the first one at or after them.
        extra: further aggregates over a stretch, by name; they are not run up.

    Returns:
        `user_id, moment`, every accumulator, and `extra`.
    """
    parts = accumulators()
    kept = ["user_id", "ts", "page", "moment", *(name for name in frame.columns if name.startswith("is_"))]
    stretches = (
        with_accumulands(frame, kept)
        .groupBy("user_id", "moment")
        .agg(*(part.total().alias(part.name) for part in parts), *(each.alias(name) for name, each in extra.items()))
    )
    until_now = Window.partitionBy("user_id").orderBy("moment").rowsBetween(Window.unboundedPreceding, 0)
    totals = [_AGGREGATES[part.aggregate](part.name).over(until_now).alias(part.name) for part in parts]
    return stretches.select("user_id", "moment", *totals, *extra)


def features(balance: DataFrame) -> DataFrame:
    """Adds every feature of the table, as of each row's `as_of`. Decayed sums are read back in place."""
    return balance.withColumns({feature.name: _value(feature) for feature in FEATURES})


def _value(feature: Feature) -> Column:
    as_of = F.col("as_of")
    if feature.kind == "decayed_sum":
        return F.col(feature.name) * F.exp((as_of - LANDMARK_MS) * -feature.decay_per_ms)
    if feature.kind == "level":
        return F.coalesce(F.col("level_at") % 2, F.lit(0)).cast("double")
    if feature.kind == "tenure":
        # Some users register after they first listen: never below zero.
        return F.coalesce(F.greatest(as_of - F.col("registration"), F.lit(0)) / feature.unit_ms, F.lit(0.0))
    return F.coalesce((as_of - F.col("last_event")) / feature.unit_ms, F.lit(0.0))


def status(horizon_ms: int) -> Column:
    """`churn.outcomes.status` of a balance."""
    as_of, last_event, cancelled_at = (F.col(name) for name in ("as_of", "last_event", "cancelled_at"))
    return (
        F.when(cancelled_at.isNotNull() & (last_event.isNull() | (cancelled_at >= last_event)), "cancelled")
        .when(as_of - last_event >= horizon_ms, "lapsed")
        .otherwise("active")
    )


def rolling_features(frame: DataFrame) -> DataFrame:
    """Events to one row of features per user: the step of the stream."""
    return features(balances(frame))


def openings(frame: DataFrame, cut_ms: int) -> DataFrame:
    """History up to a cut as one balance per user, as `churn.events.opening` takes it."""
    level = F.when(F.col("level_at") % 2 == 1, "paid").when(F.col("level_at").isNotNull(), "free")
    return balances(frame.where(F.col("ts") <= cut_ms)).select(
        "user_id",
        "events",
        "last_event",
        level.alias("level"),
        "registration",
        "cancelled_at",
        F.struct(*SUM_NAMES).alias("sums"),
    )
