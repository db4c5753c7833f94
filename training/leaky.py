"""The protocol that published work on this data mostly uses, for comparison: a user is one row about the whole log.

Features then see the end of the log: somebody who cancelled stopped listening, and their tenure, counted to the last
event, ends there. The figure says how well the past is told, not how well the future is foreseen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from churn import events
from churn.settings import DAY_MS
from training.metrics import Foreseen
from training.rows import to_pandas

FOLDS = 5
_PAGES = ("NextSong", "Roll Advert", "Thumbs Up", "Thumbs Down", "Add to Playlist", "Add Friend", "Error", "Downgrade")


def whole_history(log: DataFrame) -> DataFrame:
    """One row per user: totals of the whole log, tenure and silence to its last events, and whether they cancelled."""
    feeds = ~F.col("page").isin(*events.OUTCOME_PAGES)
    last = F.max(F.when(feeds, F.col("ts")))
    end = log.agg(F.max("ts").alias("end"))
    counts = [F.count_if(F.col("page") == page).cast("double").alias(page) for page in _PAGES]
    users = log.groupBy("user_id").agg(
        *counts,
        ((last - F.min("registration")) / DAY_MS).alias("tenure"),
        ((last - F.min("ts")) / DAY_MS).alias("span"),
        F.countDistinct("session_id").cast("double").alias("sessions"),
        last.alias("last"),
        F.max(F.when(F.col("page") == events.CANCELLED, 1.0).otherwise(0.0)).alias("cancelled"),
    )
    return users.crossJoin(end).withColumn("silence", (F.col("end") - F.col("last")) / DAY_MS).drop("end", "last")


def claimed(log: DataFrame, seed: int = 7) -> Foreseen | None:
    """What that protocol foresees of each user's cancellation; None where too few cancelled to make folds."""
    users = to_pandas(whole_history(log)).sort_values("user_id")
    label: Any = users["cancelled"].to_numpy()
    if not FOLDS <= label.sum() <= len(label) - FOLDS:
        return None
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = HistGradientBoostingClassifier(max_iter=80, max_depth=3, random_state=seed)
    features = users.drop(columns=["user_id", "cancelled"]).to_numpy()
    chance = cross_val_predict(model, features, label, cv=folds, method="predict_proba")[:, 1]
    return Foreseen(np.arange(len(label)), label, chance)
