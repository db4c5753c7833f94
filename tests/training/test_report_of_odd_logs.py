"""A report is made of whatever a log holds: names that look like formulas, no level, leavers who are all new."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from churn.features import NAMES
from churn.outcomes import OUTCOMES
from churn.parsing import read_log
from churn.phrases import DRIVERS
from churn.settings import Bands
from training import evaluate
from training.baselines import BASELINES
from training.report import log_pictures, make, page, style, summary
from training.report.importance import Importance
from training.report.log_facts import LogFacts, log_facts
from training.report.make import Evidence
from training.report.parts import Picture


def words(drawn: Picture) -> list[str]:
    """The words of a drawing: matplotlib leaves each as a comment beside its shapes."""
    ElementTree.fromstring(drawn.svg)  # noqa: S314 (drawn here)
    return re.findall(r"<!-- (.*?) -->", drawn.svg)


def facts(*names: str) -> LogFacts:
    pages = pd.DataFrame({"cancelled": 0, "page": names, "a_day": np.arange(1.0, len(names) + 1)})
    ending = pd.DataFrame({"cancelled": [0], "days_left": [0], "a_day": [1.0]})
    levels = pd.DataFrame({"level": ["not known"], "users": [7], "cancelled": [1]})
    rhythm = pd.DataFrame({"weekday": [0], "hour": [9], "events": [5]})
    return LogFacts({"lines": 5}, pages, ending, levels, rhythm)


def test_the_name_of_a_page_is_no_formula_and_is_cut() -> None:
    long = "x" * 300
    said = words(log_pictures.pages(facts("$a_$", "$$", r"\frac", "two\nlines", long)))
    assert {"$a_$", "$$", r"\frac", "two lines", "x" * (style.LABEL_MAX - 1) + "…"} <= set(said)


def test_powers_beside_an_axis_are_read_as_numbers() -> None:
    table = pd.DataFrame({"cancelled": 0, "page": ["a", "b"], "a_day": [0.001, 10.0]})
    held = facts("a")
    said = words(log_pictures.pages(LogFacts(held.quality, table, held.ending, held.levels, held.rhythm)))
    assert {"0.001", "0.1", "10"} <= set(said)
    assert not [word for word in said if "$" in word or "mathdefault" in word]


def card(scored: pd.DataFrame) -> dict[str, Any]:
    none = {"auc": None, "pr_auc_over_base": None, "auc_above": None}
    return {
        "version": "v1",
        "labels": {"horizon_days": 14},
        "data": {"events": 5, "users": 5, "days": 61.0, "span_ms": [0, 1]},
        "metrics": {
            **evaluate.report(scored, 5),
            "baselines": {outcome: dict.fromkeys(BASELINES, none) for outcome in OUTCOMES},
        },
        "thresholds": {"medium": 0.2, "high": 0.4, "chosen_by": "capacity", "alerts_per_thousand_per_day": 3.0},
        "selection": {outcome: [] for outcome in OUTCOMES},
        "models": {outcome: {"kind": "logistic", "options": {}} for outcome in OUTCOMES},
        "software": {"churn": "0.1.0"},
        "features": {"hash": "0" * 64},
    }


def out_of_fold(leavers_are_cold: bool) -> pd.DataFrame:
    """Rows as `evaluate.out_of_fold` returns them: every other user leaves, one half is cold."""
    rng, users, rows = np.random.default_rng(3), 80, 6
    user = np.repeat(np.arange(users), rows)
    cold = user < users / 2
    leaves = (user % 2 == 0) & (cold if leavers_are_cold else True)
    cancel, lapse = leaves & (user % 4 == 0), leaves & (user % 4 == 2)
    p_cancel, p_lapse = rng.random((2, len(user))) / 2
    return pd.DataFrame(
        {
            "user_id": [f"u{each}" for each in user],
            "as_of": np.tile(np.arange(rows), users),
            "on_grid": np.tile([True, True, False], users * rows // 3),
            "cold": cold,
            "cancel": cancel.astype(float),
            "lapse": lapse.astype(float),
            "leaves": leaves.astype(float),
            "days_to_cancel": np.where(cancel, 3.0, np.nan),
            "paid": (user % 3 == 0).astype(float),
            "tenure_days": rng.random(len(user)) * 200,
            "silence_days": rng.random(len(user)) * 6,
            "p_cancel": p_cancel,
            "p_lapse": p_lapse,
            "risk": p_cancel + p_lapse,
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("cold", [True, False])
def test_a_report_is_made_even_when_all_who_leave_are_new(cold: bool) -> None:
    scored = out_of_fold(cold)
    made = card(scored)
    assert ("auc" in made["metrics"]["test"]["cancel"]) is not cold
    moved = Importance(dict.fromkeys(DRIVERS, 0.1), dict.fromkeys(NAMES, 0.1))
    sections = make.sections(Evidence(made, scored, None, facts("Home"), moved, Bands()))
    drawn = [part.name for section in sections for part in section.parts if isinstance(part, Picture)]
    assert ("claims" in drawn) is not cold
    assert ("calibration" in drawn) is not cold
    assert page.html("v1", sections)
    assert page.markdown("v1", sections)


def test_the_report_begins_with_what_the_models_do_not_surely_beat() -> None:
    facts_of_card = {
        "labels": {"horizon_days": 14},
        "data": {"events": 5, "users": 2, "days": 60.0},
        "metrics": {},
        "beware": ["For cancel it is no better."],
    }
    assert make._in_short(facts_of_card).endswith(" Beware: For cancel it is no better.")
    assert "Beware" not in make._in_short({**facts_of_card, "beware": []})


def test_an_outcome_of_which_there_are_no_figures_is_left_out() -> None:
    found = {"auc": {"value": 0.7, "low": 0.6, "high": 0.8}}
    metrics: dict[str, Any] = {
        "test": {"cancel": {"n": 5}, "lapse": found},
        "baselines": {"cancel": {"base rate": {"auc": None}}, "lapse": {"base rate": {"auc": 0.5}}},
    }
    drawn = summary.claims(metrics)
    assert drawn is not None
    assert [word for word in words(drawn) if word.startswith("AUC for")] == ["AUC for lapse"]


@pytest.mark.spark
def test_users_whose_newest_event_tells_no_level_are_counted_as_such(spark: SparkSession) -> None:
    event = '{{"ts":{ts},"userId":"{user}","sessionId":1,"itemInSession":{item},"page":"Home"{more}}}'
    paid = ',"level":"paid"'
    rows = [
        event.format(ts=1_538_352_001_000, user=1, item=1, more=paid),
        event.format(ts=1_538_352_002_000, user=1, item=2, more=""),
        event.format(ts=1_538_352_003_000, user=2, item=1, more=',"level":null'),
        event.format(ts=1_538_352_004_000, user=3, item=1, more=paid),
    ]
    for lines, levels in ((rows, {"not known": 2, "paid": 1}), (rows[1:3], {"not known": 2})):
        found = log_facts(read_log(spark.createDataFrame([(line,) for line in lines], "value string")), None)
        assert dict(zip(found.levels["level"], found.levels["users"], strict=True)) == levels
        assert set(levels) <= set(words(log_pictures.levels(found)))
