from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from churn import bundle
from churn.features import table_hash
from churn.following import Following
from churn.outcomes import OUTCOMES


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in ("m1", "m2", "m3"):
        (tmp_path / version).mkdir()
        features = {"hash": table_hash(), "table": bundle.feature_rows()}
        card = {"version": version, "features": features, "outcomes": list(OUTCOMES), "labels": {"horizon_days": 14}}
        bundle.seal(tmp_path / version, {**card, "thresholds": {"medium": 0.2, "high": 0.4}})
    bundle.use(tmp_path, "m1")
    return tmp_path


def test_each_choice_is_told_once(models: Path) -> None:
    following = Following(models, bundle.load(models))
    assert following.look() is None
    bundle.use(models, "m2")
    found = following.look()
    assert found is not None
    assert found.version == "m2"
    assert following.look() is None
    bundle.use(models, "m1")
    back = following.look()
    assert back is not None
    assert back.version == "m1"


def test_a_broken_bundle_is_not_taken_and_said_once(models: Path) -> None:
    following = Following(models, bundle.load(models))
    card = json.loads((models / "m2" / bundle.CARD).read_text())
    (models / "m2" / bundle.CARD).write_text(json.dumps({**card, "more": 1}))
    bundle.use(models, "m2")
    with capture_logs() as logs:
        assert following.look() is None
        assert following.look() is None
    [log] = logs
    assert (log["log_level"], log["model"]) == ("warning", "m2")
    assert "card.json is changed" in log["error"]
    bundle.use(models, "m3")
    found = following.look()
    assert found is not None
    assert found.version == "m3"


def test_without_a_link_nothing_is_chosen(models: Path) -> None:
    following = Following(models, bundle.load(models))
    (models / bundle.CURRENT).unlink()
    assert following.look() is None
