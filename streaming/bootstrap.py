"""From history to one opening balance per user: summed by Spark once, kept on disk until all are sent."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events, rolling
from churn.features import table_hash

DONE = "_SUCCESS"
"""Spark writes it when a folder is whole."""


def opening_records(log: DataFrame, cut_ms: int) -> DataFrame:
    """Openings as the JSON of `churn.events.opening`, in a column `value`.

    Sent twice they are one, because they are the same event.
    """
    record = F.struct(
        F.lit(cut_ms).alias("ts"),
        F.col("user_id").alias("userId"),
        F.lit(events.OPENING_SESSION).alias("sessionId"),
        F.lit(0).alias("itemInSession"),
        F.lit(events.OPENING).alias("page"),
        "level",
        "registration",
        F.struct("events", "last_event", "cancelled_at", "sums").alias("opening"),
    )
    return rolling.openings(log, cut_ms).select(F.to_json(record).alias("value"))


def kept_folder(var: Path, files: Iterable[Path], cut_ms: int) -> Path:
    """Where the balances of this history as of this cut are kept; those of other files or features are elsewhere."""
    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files)]
    key = hashlib.sha256(json.dumps([facts, cut_ms, table_hash()]).encode()).hexdigest()[:16]
    return var / f"bootstrap-{key}"


def is_kept(folder: Path) -> bool:
    """Whether all balances are there."""
    return (folder / DONE).is_file()


def keep(log: DataFrame, cut_ms: int, folder: Path) -> None:
    """Sums history up to a cut and writes the balances, one JSON object a line.

    Args:
        log: events as `churn.parsing.read_log` gives them.
        cut_ms: events up to and including this time are in the balances. Later events must follow in the topic.
        folder: of :func:`kept_folder`; what an earlier run left half-written in it goes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    opening_records(log, cut_ms).write.text(str(folder), compression="gzip")
