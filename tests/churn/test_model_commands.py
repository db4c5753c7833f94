"""`churn models`, on bundles whose pipelines are stand-ins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from churn import bundle, cli
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES


def figures(auc: float) -> dict[str, object]:
    return {"auc": {"value": auc, "low": auc - 0.02, "high": auc + 0.02}, "n": 4321, "positives": 55, "base_rate": 0.05}


def make(folder: Path, version: str, auc: float, log: str = "1") -> None:
    for outcome in OUTCOMES:
        (folder / version / outcome).mkdir(parents=True)
        (folder / version / outcome / "part-0").write_text(version)
        (folder / version / f"{outcome}.onnx").write_text(version)
    card = {
        "version": version,
        "outcomes": list(OUTCOMES),
        "features": {"hash": bundle.table_hash(), "table": bundle.feature_rows()},
        "labels": {"horizon_days": 14},
        "thresholds": {"medium": 0.2, "high": 0.4},
        "models": {outcome: {"kind": "logistic"} for outcome in OUTCOMES},
        "data": {"events": 1000, "users": 20, "days": 61.0, "sum": log},
        "metrics": {"test": {outcome: figures(auc) for outcome in OUTCOMES}},
        "beware": ["For cancel the model is not surely better than level only."] if auc < 0.71 else [],
    }
    bundle.seal(folder / version, card)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path, "v1", 0.70)
    make(tmp_path, "v2", 0.72)
    bundle.use(tmp_path, "v1")
    (tmp_path / ".building-7").mkdir()
    return tmp_path


def models(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["models", *arguments, "--models", str(folder)])


def test_every_version_is_listed_and_the_current_one_has_a_star(folder: Path) -> None:
    (folder / "v2" / "cancel" / "part-0").write_text("changed")
    lines = models(folder, "list").output.splitlines()
    assert [line[:4] for line in lines] == ["* v1", "  v2"]
    assert "cancel by logistic, lapse by logistic; 20 users, 61 days" in lines[0]
    assert "damaged" in lines[1]


def test_no_models_is_an_empty_list(tmp_path: Path) -> None:
    assert models(tmp_path / "none", "list").output == ""


def test_use_switches_and_refuses_what_is_damaged(folder: Path) -> None:
    assert models(folder, "use", "v2").exit_code == 0
    assert bundle.load(folder).version == "v2"
    (folder / "v1" / "card.json").write_text("{}")
    assert isinstance(models(folder, "use", "v1").exception, ChurnError)
    assert bundle.load(folder).version == "v2"


def test_show_prints_figures_with_intervals_or_the_whole_card(folder: Path) -> None:
    said = models(folder, "show", "v2").output
    assert "0.720 (0.700 to 0.740)" in said
    assert "4,321" in said
    assert json.loads(models(folder, "show", "v2", "--json").output) == bundle.load(folder, "v2").card


def test_show_tells_what_a_model_does_not_surely_beat(folder: Path) -> None:
    assert "Beware: For cancel the model is not surely better than level only." in models(folder, "show", "v1").output
    assert "Beware" not in models(folder, "show", "v2").output


def test_verify_names_a_damaged_file(folder: Path) -> None:
    assert "v1: 5 files are as they were made" in models(folder, "verify").output
    (folder / "v1" / "cancel" / "part-0").unlink()
    failed = models(folder, "verify")
    assert isinstance(failed.exception, ChurnError)
    assert "cancel/part-0 is missing" in str(failed.exception)


def test_compare_puts_two_side_by_side(folder: Path) -> None:
    said = models(folder, "compare", "v1", "v2").output
    assert "0.700 (0.680 to 0.720)   0.720 (0.700 to 0.740)" in said
    assert "different logs" not in said
    make(folder, "v3", 0.7, log="2")
    assert "different logs" in models(folder, "compare", "v1", "v3").output


def test_what_cannot_score_is_neither_verified_nor_used(folder: Path) -> None:
    for outcome in OUTCOMES:
        (folder / "v2" / f"{outcome}.onnx").unlink()
    bundle.seal(folder / "v2", bundle.load(folder, "v1").card | {"version": "v2"})
    for command in ("verify", "use"):
        failed = models(folder, command, "v2")
        assert isinstance(failed.exception, ChurnError)
        assert "The model v2 cannot score: it holds no cancel.onnx." in str(failed.exception)
    assert bundle.load(folder).version == "v1"


def without(folder: Path, part: str) -> None:
    """Makes v2 a bundle whose card lacks a part."""
    card = bundle.load(folder, "v1").card
    bundle.seal(folder / "v2", {**{name: held for name, held in card.items() if name != part}, "version": "v2"})


@pytest.mark.parametrize("part", ["models", "data"])
def test_a_card_that_lacks_what_is_listed_is_a_line(folder: Path, part: str) -> None:
    without(folder, part)
    (folder / "v3 (copy)").mkdir()
    said = models(folder, "list")
    assert said.exit_code == 0
    first, second, third = said.output.splitlines()
    assert "20 users, 61 days" in first
    assert second.startswith(f"  v2  The card of the model v2 is not as it should be (KeyError: '{part}'). Use another")
    assert third.startswith("  v3 (copy)  There is no model 'v3 (copy)'")


@pytest.mark.parametrize("command", [["show", "v2"], ["compare", "v1", "v2"]])
@pytest.mark.parametrize("part", ["data", "metrics"])
def test_a_card_that_lacks_what_is_shown_is_a_sentence(folder: Path, part: str, command: list[str]) -> None:
    without(folder, part)
    said = models(folder, *command)
    assert isinstance(said.exception, ChurnError)
    assert f"is not as it should be (KeyError: '{part}')" in str(said.exception)
    assert said.output == ""
