"""Each planted leak is caught, and nothing is said where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.features import FEATURES, NAMES
from churn.parsing import read_log
from churn.settings import DAY_MS, Labels
from training import firewall
from training.firewall import LeakError
from training.snapshots import snapshots

LABELS = Labels(event_rows=0.0)


def test_a_feature_that_counts_cancelling_is_caught() -> None:
    firewall.pages()
    planted = replace(FEATURES[0], pages=("Roll Advert", "Cancel"))
    with pytest.raises(LeakError, match="adverts_3d counts the page Cancel"):
        firewall.pages([planted])


def table(seed: int, **changes: float) -> pd.DataFrame:
    values = np.random.default_rng(seed).random((5, len(NAMES)))
    return pd.DataFrame(values, columns=list(NAMES), index=[str(user) for user in range(5)]).assign(**changes)


def test_a_feature_that_moves_when_the_log_is_cut_is_caught() -> None:
    firewall.unmoved(table(1), table(1))
    with pytest.raises(LeakError, match="tenure_days of user 0 knows the future"):
        firewall.unmoved(table(1, tenure_days=40.0), table(1, tenure_days=12.0))
    with pytest.raises(LeakError, match="missing"):
        firewall.unmoved(table(1), table(1).iloc[1:])


@pytest.mark.spark
def test_the_end_of_the_log_is_not_seen(spark: SparkSession, simulated_log: object) -> None:
    log = read_log(spark.read.text(str(simulated_log))).persist()
    first, last = log.agg(F.min("ts"), F.max("ts")).first() or (0, 0)
    rows = snapshots(log, LABELS, (first, last)).persist()
    at = max(row[0] for row in rows.where("on_grid").select("as_of").distinct().collect())
    firewall.future(log, rows, LABELS, at)
    ends: DataFrame = log.groupBy("user_id").agg(F.max("ts").alias("end"))
    tenure = ((F.col("end") - F.col("as_of")) / DAY_MS) + F.col("tenure_days")
    leaky = rows.join(ends, "user_id").withColumn("tenure_days", tenure).drop("end")
    with pytest.raises(LeakError, match="tenure_days of user"):
        firewall.future(log, leaky, LABELS, at)


@pytest.mark.parametrize(
    ("trained", "tested", "words"),
    [
        ([("a", 1)], [("b", 2)], None),
        ([("a", 1), ("b", 1)], [("b", 2)], "User b is both trained on and tested"),
        ([("a", 1), ("c", 2)], [("b", 2)], "dates before the last one"),
    ],
)
def test_users_and_dates_on_both_sides_are_caught(
    trained: list[tuple[str, int]], tested: list[tuple[str, int]], words: str | None
) -> None:
    tables = [pd.DataFrame(rows, columns=["user_id", "as_of"]) for rows in (trained, tested)]
    if words is None:
        firewall.apart(0, *tables)
    else:
        with pytest.raises(LeakError, match=words):
            firewall.apart(0, *tables)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Users whose features hardly change: their rows give them away."""
    rng = np.random.default_rng(9)
    typical = rng.lognormal(size=(240, len(NAMES)))
    values = np.repeat(typical, 12, axis=0) * rng.normal(1, 0.01, (240 * 12, len(NAMES)))
    leaves = np.repeat((rng.random(240) < 0.3).astype(float), 12)
    return pd.DataFrame(values, columns=list(NAMES)).assign(
        user_id=np.repeat([f"u{user}" for user in range(240)], 12), cancel=leaves
    )


def test_users_on_both_sides_are_caught_by_shuffled_outcomes(people: pd.DataFrame) -> None:
    by_user = people["user_id"].str[1:].astype(int) % 4
    assert 0.3 < firewall.shuffled(people, [(by_user != fold, by_user == fold) for fold in range(4)]) < 0.7
    by_row = pd.Series(np.arange(len(people)) % 4)
    with pytest.raises(LeakError, match="dealt out at random"):
        firewall.shuffled(people, [(by_row != fold, by_row == fold) for fold in range(4)])


def test_an_auc_that_is_too_good_stops_the_run() -> None:
    found = {"auc": {"value": 0.9, "low": 0.86, "high": 0.93}}
    firewall.believable({"auc": {"value": 0.9, "low": 0.81, "high": 0.97}}, 0.82, accepted=False)
    firewall.believable(found, 0.82, accepted=True)
    firewall.believable({}, 0.82, accepted=False)
    with pytest.raises(LeakError, match="--accept-suspicious-auc"):
        firewall.believable(found, 0.82, accepted=False)
