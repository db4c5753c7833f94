"""What a log holds: its quality, and how those who leave differ from those who stay."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events, parsing
from churn.settings import DAY_MS
from training.rows import to_pandas

BEFORE_DAYS = 28
NO_LEVEL = "not known"
"""Said of a user whose newest event tells no level."""


@dataclass(frozen=True)
class LogFacts:
    """Tables that a report draws.

    Attributes:
        quality: by name, how many lines are what; empty when only the events were given.
        pages: `cancelled`, `page`, `a_day`: events per user and day from the first to the last one.
        ending: `cancelled`, `days_left`, `a_day`: events per user by days before their last one.
        levels: `level`, `users`, `cancelled`: users by the level of their newest event.
        rhythm: `weekday` (0 is Monday), `hour` (UTC), `events`.
    """

    quality: dict[str, int]
    pages: pd.DataFrame
    ending: pd.DataFrame
    levels: pd.DataFrame
    rhythm: pd.DataFrame


def log_facts(log: DataFrame, lines: DataFrame | None) -> LogFacts:
    """Reads a log several times over.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        lines: `value`, the log as it came.
    """
    users = _users(log).persist()
    try:
        return LogFacts(
            {} if lines is None else _quality(lines, log),
            to_pandas(_pages(log, users)),
            to_pandas(_ending(log, users)),
            to_pandas(users.groupBy("level").agg(F.count("*").alias("users"), F.sum("cancelled").alias("cancelled"))),
            to_pandas(_rhythm(log)),
        )
    finally:
        users.unpersist()


def _quality(lines: DataFrame, log: DataFrame) -> dict[str, int]:
    kept, users, last_ms = log.agg(F.count("*"), F.countDistinct("user_id"), F.max("ts")).first() or (0, 0, 0)
    source = lines.select(F.col("value").cast("binary").alias("value"), F.lit(None).cast("bigint").alias("received_ms"))
    state = (
        F.when(F.col("reason").isNotNull(), F.concat(F.lit("refused: "), "reason"))
        .when(F.col("ts") > last_ms, "after what was trained on")
        .when(F.col("user_id") == "", "logged out")
        .when(F.col("page").isin(*events.RESERVED_PAGES), "reserved page")
        .otherwise("of a user")
    )
    unknown = F.count_if(F.col("reason").isNull() & ~F.col("page").isin(*events.PAGES))
    found = parsing.parse(source).groupBy(state.alias("state")).agg(F.count("*").alias("n"), unknown.alias("unknown"))
    rows = found.collect()
    by_state: dict[str, int] = {row["state"]: row["n"] for row in rows}
    return {
        "lines": sum(by_state.values()),
        **dict(sorted(by_state.items())),
        "duplicates among them": by_state.get("of a user", 0) - kept,
        "of an unknown page": sum(row["unknown"] for row in rows),
        "users": users,
    }


def _users(log: DataFrame) -> DataFrame:
    feeds = ~F.col("page").isin(*events.OUTCOME_PAGES)
    return log.groupBy("user_id").agg(
        F.min("ts").alias("first"),
        F.max(F.when(feeds, F.col("ts"))).alias("last"),
        F.coalesce(F.max_by("level", "ts"), F.lit(NO_LEVEL)).alias("level"),
        F.max(F.when(F.col("page") == events.CANCELLED, 1).otherwise(0)).alias("cancelled"),
    )


def _pages(log: DataFrame, users: DataFrame) -> DataFrame:
    # Somebody seen for an hour did not do 24 times as much a day.
    days = F.greatest((F.col("last") - F.col("first")) / DAY_MS, F.lit(1.0))
    spans = users.groupBy("cancelled").agg(F.sum(days).alias("days"))
    counted = log.join(users, "user_id").groupBy("cancelled", "page").agg(F.count("*").alias("n"))
    return counted.join(spans, "cancelled").select("cancelled", "page", (F.col("n") / F.col("days")).alias("a_day"))


def _ending(log: DataFrame, users: DataFrame) -> DataFrame:
    # Only users who were there all these days: otherwise the far ones would look quiet.
    long = users.where(F.col("last") - F.col("first") >= BEFORE_DAYS * DAY_MS)
    number = long.groupBy("cancelled").agg(F.count("*").alias("users"))
    left = F.floor((F.col("last") - F.col("ts")) / DAY_MS).cast("int").alias("days_left")
    counted = log.join(long, "user_id").select("cancelled", left).where(F.col("days_left").between(0, BEFORE_DAYS - 1))
    daily = counted.groupBy("cancelled", "days_left").agg(F.count("*").alias("n")).join(number, "cancelled")
    return daily.select("cancelled", "days_left", (F.col("n") / F.col("users")).alias("a_day"))


def _rhythm(log: DataFrame) -> DataFrame:
    at = F.timestamp_millis("ts")
    return log.groupBy(F.weekday(at).alias("weekday"), F.hour(at).alias("hour")).agg(F.count("*").alias("events"))
