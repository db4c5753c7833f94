"""A bundle judged on a log: what `churn evaluate` prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from churn import bundle
from churn.model import load_scorer
from churn.parsing import read_log
from churn.settings import Labels
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
    assert judge.evaluate(held, log.where("user_id > '100010'"), QUICK, lambda _: None)["trained_on_this_log"] is False
