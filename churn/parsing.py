"""Reads event records in Spark, by the rules of `churn.events`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events
from churn.features import DECAYED_SUMS, LANDMARK_MS, SUM_NAMES

_OPENING = (
    "struct<events:bigint,last_event:bigint,cancelled_at:bigint,sums:struct<"
    + ",".join(f"{name}:double" for name in SUM_NAMES)
    + ">>"
)
_EVENT = (
    "struct<userId:string,sessionId:bigint,itemInSession:bigint,ts:bigint,page:string,level:string,"
    f"registration:bigint,opening:{_OPENING}>"
)
_RECORD = f"event {_EVENT}, end int, corrupt string"
_OPTIONS = {"columnNameOfCorruptRecord": "corrupt", "allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
_RENAMED = {"userId": "user_id", "sessionId": "session_id", "itemInSession": "item"}


def parse(records: DataFrame) -> DataFrame:
    """Adds the event's columns and `reason`, null when it is valid.

    Args:
        records: `value` (binary) and `received_ms` (long, null when there is no witness), and what else there is.

    Returns:
        The same rows with `user_id, session_id, item, ts, page, level, registration, opening, reason`.
    """
    # Spark's reader stops behind the first object: what follows, be it a second event, would vanish without a trace.
    # So a record is read as a part of a larger one, whose last field is there only if nothing stood between.
    text = F.concat(F.lit('{"event":'), F.col("value").cast("string"), F.lit(',"end":1}'))
    # A generator, not a projection: a filter above from_json would be pushed below it and parse again per column.
    whole = records.select(*records.columns, F.inline(F.array(F.from_json(text, _RECORD, _OPTIONS))))
    return (
        whole.select(*records.columns, _malformed().alias("malformed"), "event.*")
        .withColumnsRenamed(_RENAMED)
        .withColumn("reason", _reason())
        .drop("malformed")
    )


def _malformed() -> Column:
    """Not JSON, not one object, or a field of a wrong type."""
    cut_short = F.col("event").isNull() | F.col("end").isNull() | F.col("corrupt").isNotNull()
    return cut_short | ~F.is_valid_utf8(F.col("value").cast("string"))


def _reason() -> Column:
    """The first rule that a record breaks, in the order of `events.decode`."""
    missing = F.lit(False)
    for name in ("user_id", "session_id", "item", "ts", "page"):
        missing = missing | F.col(name).isNull()
    nested = F.lit(False)
    for name in ("user_id", "page"):
        nested = nested | F.startswith(F.col(name), F.lit("{")) | F.startswith(F.col(name), F.lit("["))
    return (
        F.when(F.col("malformed"), "malformed")
        .when(missing, "missing-field")
        .when((F.char_length("user_id") > events.USER_ID_MAX) | nested, "malformed")
        .when(~F.col("registration").between(0, events.TS_MAX_MS - 1), "malformed")
        .when(~F.col("level").isin(*events.LEVELS), "unknown-level")
        .when(~F.col("ts").between(events.TS_MIN_MS, events.TS_MAX_MS - 1), "ts-out-of-range")
        .when(F.col("ts") > F.col("received_ms") + events.AHEAD_MS, "ts-in-future")
        .when((F.col("page") == events.OPENING) & ~_opening_fits(), "bad-opening")
    )


def _opening_fits() -> Column:
    """As `churn.events` has it: times up to the cut, and every sum, as of the cut, at most the number of events."""
    fits = F.col("opening.events").between(0, events.OPENED_MAX)
    for name in ("last_event", "cancelled_at"):
        at = F.col(f"opening.{name}")
        fits = fits & (at.isNull() | at.between(events.TS_MIN_MS, F.col("ts")))
    for feature in DECAYED_SUMS:
        value = F.col(f"opening.sums.{feature.name}") * F.exp((F.col("ts") - LANDMARK_MS) * -feature.decay_per_ms)
        fits = fits & value.between(0, F.col("opening.events") * events.OPENING_SLACK)
    return F.coalesce(fits, F.lit(False))


def read_log(frame: DataFrame) -> DataFrame:
    """Valid events of users out of the lines of a log file.

    Args:
        frame: `value`, one JSON line a row.

    Returns:
        `user_id, session_id, item, ts, page, level, registration, opening, received_ms`, each event once.
    """
    lines = frame.select(F.col("value").cast("binary").alias("value"), F.lit(None).cast("bigint").alias("received_ms"))
    valid = parse(lines).where("reason is null and user_id != ''").where(~F.col("page").isin(*events.RESERVED_PAGES))
    return (
        valid.drop("value", "reason")
        .withColumn("opening", F.lit(None).cast(_OPENING))
        .dropDuplicates(["user_id", "session_id", "item", "ts"])
    )
