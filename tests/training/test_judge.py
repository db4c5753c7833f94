"""A bundle judged on a log: what `churn evaluate` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)
from sklearn.metrics import roc_auc_score

from churn import bundle
from churn.errors import ChurnError
from churn.model import load_scorer
from churn.parsing import read_log
from churn.settings import DAY_MS, Labels
from tests.conftest import QUICK
from training import judge
from training.rows import fingerprint, to_pandas
from training.snapshots import snapshots

pytestmark = pytest.mark.spark


def test_the_figures_are_those_of_the_scores_on_that_log(
    spark: SparkSession, simulated_log: Path, models: Path
) -> None:
    held = bundle.load(models)
    log = read_log(spark.read.text(str(simulated_log))).persist()
    found = judge.evaluate(held, log, QUICK, lambda _: None)
    facts = fingerprint(log)
    rows = snapshots(log, Labels(**held.card["labels"]), (facts["first_ms"], facts["last_ms"]))
    scored = to_pandas(load_scorer(held)(rows).where("on_grid and not cold").select("cancel", "lapse", "p_lapse"))
    told = found["test"]["lapse"]
    assert (told["n"], told["positives"]) == (len(scored), scored["lapse"].sum())
    assert told["auc"]["value"] == pytest.approx(roc_auc_score(scored["lapse"], scored["p_lapse"]))
    assert told["auc"]["low"] < told["auc"]["value"] < told["auc"]["high"]
    assert set(found) >= {"test", "test_at_events", "test_cold"} | {"model_version", "data"}
    assert found["model_version"] == held.version
    assert found["trained_on_this_log"] is True
    last = log.agg(F.max("ts")).first() or [0]
    stray = log.limit(1).withColumn("ts", F.lit(last[0] + 25 * DAY_MS))
    said: list[str] = []
    again = judge.evaluate(held, log.unionByName(stray), QUICK, said.append)
    assert again["test"] == found["test"], "one event with a wrong clock has made everybody lapse"
    assert any("1 event after 2018-11-18 is left out of the span" in line for line in said)
    assert judge.evaluate(held, log.where("user_id > '100010'"), QUICK, lambda _: None)["trained_on_this_log"] is False


@pytest.mark.parametrize("changes", [{"labels": {"horizon_days": 14, "moon": 1}}, {"data": {}}])
def test_a_card_of_another_shape_is_told_before_the_log_is_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    card = {"version": "v1", "labels": {"horizon_days": 14}, "data": {"sum": "1"}, **changes}
    with pytest.raises(ChurnError, match="The card of the model v1 is not as it should be"):
        judge.evaluate(bundle.Bundle(tmp_path, card), cast(Any, None), QUICK, print)
