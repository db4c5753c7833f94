"""Training rows: what was known of a user at a moment, and what happened in the horizon after it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events, rolling
from churn.features import NAMES
from churn.outcomes import OUTCOMES
from churn.settings import DAY_MS, Labels

COLD_DAYS = 7
"""Somebody seen for less is cold: figures about them are told apart."""

FACTS = ("on_grid", "fold", "cold", "days_to_cancel")
"""What is known of a row beside its features and labels; no model sees it."""


def snapshots(log: DataFrame, labels: Labels, span_ms: tuple[int, int]) -> DataFrame:
    """One row per user and moment: a grid of heartbeats, and a sample of the events.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        labels: horizon, warm-up, spacing of the grid, share of events.
        span_ms: first and last time in the log.

    Returns:
        `user_id, as_of`, `on_grid`, `fold` (0 to folds - 1), `cold`, `days_to_cancel` (null for somebody who never
        does), `cancel` and `lapse` (0 or 1), and every feature.
        Users who were cancelled or lapsed at `as_of` give no row, nor do moments in the warm-up or within
        a horizon of the end of the log.
    """
    first, last = span_ms[0] + labels.warm_up_days * DAY_MS, span_ms[1] - labels.horizon_days * DAY_MS
    horizon = labels.horizon_days * DAY_MS
    drawn = log.withColumns({"is_grid": F.lit(False), "is_drawn": _drawn(labels.event_rows)})
    marked = drawn.unionByName(grid(log, labels, first, last), allowMissingColumns=True)
    balances = rolling.running_balances(with_moments(marked), _stretch_facts())
    rows = balances.withColumns(_before_and_after()).where(F.col("moment").between(first, last) & (F.col("marked")))
    active = rows.where(rolling.status(horizon) == "active")
    return (
        rolling.features(active)
        .withColumns(_labels(horizon))
        .withColumns(
            {
                "fold": _fold(labels.folds),
                "cold": F.col("as_of") - F.col("first_seen") < COLD_DAYS * DAY_MS,
                "days_to_cancel": (F.col("cancels_at") - F.col("as_of")) / DAY_MS,
            }
        )
        .select("user_id", "as_of", *FACTS, *OUTCOMES, *NAMES)
    )


def with_moments(marked: DataFrame) -> DataFrame:
    """Adds `moment`: the first grid row or drawn event of the user at or after each row; far off when there is none."""
    onwards = Window.partitionBy("user_id").orderBy(F.desc("ts")).rangeBetween(Window.unboundedPreceding, 0)
    moment = F.min(F.when(F.col("is_grid") | F.col("is_drawn"), F.col("ts"))).over(onwards)
    return marked.withColumn("moment", F.coalesce(moment, F.lit(events.TS_MAX_MS)))


def _stretch_facts() -> dict[str, Column]:
    """What a stretch holds for the labels of the moments before it."""
    real = F.when(F.col("page") != events.HEARTBEAT, F.col("ts"))
    return {
        "first_event": F.min(real),
        "first_cancelled": F.min(F.when(F.col("page") == events.CANCELLED, F.col("ts"))),
        "on_grid": F.max("is_grid"),
        "marked": F.max(F.col("is_grid") | F.col("is_drawn")),
    }


def _before_and_after() -> dict[str, Column]:
    moments = Window.partitionBy("user_id").orderBy("moment")
    later = moments.rowsBetween(1, Window.unboundedFollowing)
    return {
        "first_seen": F.min("first_event").over(moments.rowsBetween(Window.unboundedPreceding, 0)),
        "next_event": F.min("first_event").over(later),
        "cancels_at": F.min("first_cancelled").over(later),
    }


def grid(log: DataFrame, labels: Labels, first_ms: int, last_ms: int) -> DataFrame:
    """A heartbeat per user and grid day, from the user's first event on: the stream's record, in training."""
    step = labels.grid_days * DAY_MS
    users = log.groupBy("user_id").agg(F.min("ts").alias("first_seen"))
    days = F.explode(F.sequence(F.lit(first_ms), F.lit(max(first_ms, last_ms)), F.lit(step)))
    return (
        users.select("user_id", "first_seen", days.alias("ts"))
        .where("ts >= first_seen")
        .select(
            "user_id",
            F.lit(events.HEARTBEAT_SESSION).cast("bigint").alias("session_id"),
            F.lit(0).cast("bigint").alias("item"),
            "ts",
            F.lit(events.HEARTBEAT).alias("page"),
            F.lit(True).alias("is_grid"),
            F.lit(False).alias("is_drawn"),
        )
    )


def _drawn(share: float) -> Column:
    # By identity, so that the sample does not change with the order of the file. Never at the label's own pages.
    drawn = F.pmod(F.xxhash64("user_id", "session_id", "item", "ts"), F.lit(1_000_000)) < int(share * 1_000_000)
    return drawn & ~F.col("page").isin(*events.OUTCOME_PAGES)


def _labels(horizon_ms: int) -> dict[str, Column]:
    until = F.col("as_of") + horizon_ms
    cancels = F.coalesce(F.col("cancels_at") <= until, F.lit(False))
    silent = F.coalesce(F.col("next_event") > until, F.lit(True))
    return {"cancel": cancels.cast("double"), "lapse": (silent & ~cancels).cast("double")}


def _fold(folds: int) -> Column:
    return F.pmod(F.xxhash64("user_id"), F.lit(folds)).cast("int")
