"""Each planted leak is caught, and nothing is said where there is none."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn import events, rolling
from churn.features import FEATURES, NAMES
from churn.parsing import read_log
from churn.settings import DAY_MS, Labels
from training import firewall
from training.firewall import LeakError
from training.snapshots import snapshots
from training.splits import Cell

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
    firewall.unmoved(table(1), table(1), "then")
    with pytest.raises(LeakError, match=r"tenure_days of user 0 knows .* 12 then"):
        firewall.unmoved(table(1, tenure_days=40.0), table(1, tenure_days=12.0), "then")
    with pytest.raises(LeakError, match="missing then"):
        firewall.unmoved(table(1), table(1).iloc[1:], "then")


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
    with pytest.raises(LeakError, match=r"tenure_days of user .* when the log ends at the snapshot"):
        firewall.future(log, leaky, LABELS, at)


@pytest.mark.spark
def test_a_feature_that_sees_the_page_by_which_somebody_left_is_caught(
    spark: SparkSession, simulated_log: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = read_log(spark.read.text(str(simulated_log))).persist()
    firewall.outcome(log, LABELS)
    # As if the page were none of the outcome's own: it would be an event like any other.
    monkeypatch.setattr(rolling, "_feeds", lambda: ~F.col("page").isin(*events.RESERVED_PAGES))
    with pytest.raises(LeakError, match="without the pages by which they left"):
        firewall.outcome(log, LABELS)


@pytest.mark.parametrize(
    ("known", "tested", "words"),
    [
        (Cell(frozenset({0}), 0, 5), Cell(frozenset({1}), 5, 9), None),
        (Cell(frozenset({0, 1}), 0, 5), Cell(frozenset({1}), 5, 9), "User u1 is both trained on and tested"),
        (Cell(frozenset({0}), 0, 6), Cell(frozenset({1}), 5, 9), "dates before the last"),
    ],
)
def test_users_and_dates_on_both_sides_are_caught(known: Cell, tested: Cell, words: str | None) -> None:
    frame = pd.DataFrame(
        [(f"u{fold}", fold, at) for fold in range(3) for at in range(9)], columns=["user_id", "fold", "as_of"]
    )
    if words is None:
        firewall.apart(frame, known, tested)
    else:
        with pytest.raises(LeakError, match=words):
            firewall.apart(frame, known, tested)


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


@pytest.mark.slow
def test_users_on_both_sides_are_caught_by_shuffled_outcomes(people: pd.DataFrame) -> None:
    by_user = people["user_id"].str[1:].astype(int) % 4
    assert 0.3 < firewall.shuffled(people, [(by_user != fold, by_user == fold) for fold in range(4)]) < 0.7
    by_row = pd.Series(np.arange(len(people)) % 4)
    with pytest.raises(LeakError, match="dealt out at random"):
        firewall.shuffled(people, [(by_row != fold, by_row == fold) for fold in range(4)])


def test_the_ids_of_users_take_little_memory_however_long_one_is() -> None:
    rows = 20_000
    users = [f"u{row % 50}" for row in range(rows - 1)] + ["x" * events.USER_ID_MAX]
    frame = pd.DataFrame(np.zeros((rows, len(NAMES))), columns=list(NAMES)).assign(user_id=users, cancel=0.0)
    tracemalloc.start()
    firewall.shuffled(frame, [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * (len(NAMES) * 8 + 100)


@pytest.mark.slow
@pytest.mark.parametrize("leavers", [1, 2, 4])
def test_few_leavers_are_no_sign_of_a_leak(leavers: int) -> None:
    for seed in range(2):
        rng = np.random.default_rng(seed)
        users = np.repeat([f"u{user}" for user in range(100)], 8)
        frame = pd.DataFrame(rng.lognormal(size=(800, len(NAMES))), columns=list(NAMES)).assign(
            user_id=users, cancel=np.isin(users, [f"u{user}" for user in range(leavers)]).astype(float)
        )
        fold = frame["user_id"].str[1:].astype(int) % 4
        # The last test is empty, as that of a small log may be.
        firewall.shuffled(frame, [(fold != f, (fold == f) & (f < 3)) for f in range(4)], seed)


def metrics(grid: tuple[float, float | None], at_events: tuple[float, float | None]) -> dict[str, object]:
    return {
        view: {"cancel": {"auc": {"value": value, "low": low, "high": 1.0}}}
        for view, (value, low) in (("test", grid), ("test_at_events", at_events))
    }


@pytest.mark.parametrize(
    ("found", "stops"),
    [
        (metrics((0.9, 0.81), (0.7, 0.6)), False),
        (metrics((0.9, 0.86), (0.7, 0.6)), True),
        (metrics((0.7, 0.6), (0.95, 0.9)), True),
        (metrics((0.9, None), (0.7, None)), True),
        (metrics((0.8, None), (0.8, None)), False),
        ({"test": {"cancel": {}}, "test_at_events": {"cancel": {}}}, False),
    ],
)
def test_an_auc_that_is_too_good_stops_the_run(found: dict[str, object], stops: bool) -> None:
    firewall.believable(found, 0.82, accepted=True)
    if not stops:
        firewall.believable(found, 0.82, accepted=False)
    else:
        with pytest.raises(LeakError, match="--accept-suspicious-auc"):
            firewall.believable(found, 0.82, accepted=False)
