"""A bundle is what it was when it was made, or it is refused."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn import bundle
from churn.errors import ChurnError
from churn.explain import Explainer
from churn.features import FEATURES, NAMES
from churn.model import load_scorer
from churn.outcomes import OUTCOMES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


CARD: dict[str, Any] = {
    "version": "v1",
    "outcomes": list(OUTCOMES),
    "features": {"hash": bundle.table_hash(), "table": bundle.feature_rows()},
    "labels": {"horizon_days": 14},
    "thresholds": {"medium": 0.2, "high": 0.4},
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder of models with one sealed bundle in it; its pipelines are stand-ins."""
    for outcome in OUTCOMES:
        (tmp_path / "v1" / outcome).mkdir(parents=True)
        (tmp_path / "v1" / outcome / "part-0").write_text("weights")
        (tmp_path / "v1" / f"{outcome}.onnx").write_text("weights")
    bundle.seal(tmp_path / "v1", CARD)
    bundle.use(tmp_path, "v1")
    return tmp_path


def test_what_was_sealed_is_loaded(made: Path) -> None:
    assert bundle.load(made).version == "v1"
    assert (made / "current").is_symlink()


def test_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ChurnError, match=r"There is no model .* churn train"):
        bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: (path / "cancel" / "part-0").write_text("Weights"), "cancel/part-0 is changed"),
        (lambda path: (path / "lapse" / "part-0").unlink(), "lapse/part-0 is missing"),
        (lambda path: (path / "lapse" / "part-1").write_text(""), "lapse/part-1 is not in the manifest"),
        (lambda path: (path / "card.json").write_text("{}"), "card.json is changed"),
        (lambda path: (path / "manifest.json").unlink(), "cannot be read"),
        (lambda path: (path / "manifest.json").write_text("[1]"), "cannot be read"),
        (lambda path: (path / "manifest.json").write_text('{"a":' * 100_000), "cannot be read"),
        (lambda path: (path / "card.json").write_text("[" * 100_000), "cannot be read"),
        (lambda path: (path / "lapse" / "manifest.json").write_text("{}"), "lapse/manifest.json is not in the manif"),
        (lambda path: (path / "lapse" / "part-1").symlink_to("part-0"), "lapse/part-1 is a link"),
        (lambda path: (path / "deep").symlink_to(path / "lapse"), "deep is a link"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(made: Path, harm: Any, words: str) -> None:
    harm(made / "v1")
    with pytest.raises(ChurnError, match=words):
        bundle.load(made)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None}, "is not as it should be .TypeError"),
        ({"labels": {}}, "is not as it should be .KeyError: 'horizon_days'"),
        ({"labels": {"horizon_days": "14"}}, "labels.horizon_days is no whole number"),
        ({"labels": {"horizon_days": True}}, "labels.horizon_days is no whole number"),
        ({"thresholds": {"medium": 0.2}}, "KeyError: 'high'"),
        ({"thresholds": {"medium": 0.2, "high": "0.4"}}, "thresholds.high is no number"),
        ({"features": []}, "is not as it should be .TypeError"),
        ({"features": {"hash": "another", "table": [1]}}, "is not as it should be .TypeError"),
        ({"features": {"hash": "another", "table": [{}]}}, "is not as it should be .KeyError: 'name'"),
        ({"outcomes": 7}, "is not as it should be .TypeError"),
        ({"outcomes": [[]]}, "is not as it should be .TypeError"),
        ({"version": {"a": 1}}, "The model in v1 is {'a': 1}"),
    ],
)
def test_a_card_of_another_shape_is_refused_in_a_sentence(made: Path, changes: dict[str, Any], words: str) -> None:
    bundle.seal(made / "v1", CARD | changes)
    with pytest.raises(ChurnError, match=words):
        bundle.load(made)


@pytest.mark.parametrize("missing", sorted(CARD))
def test_a_card_without_a_part_is_refused_in_a_sentence(made: Path, missing: str) -> None:
    bundle.seal(made / "v1", {name: part for name, part in CARD.items() if name != missing})
    with pytest.raises(ChurnError, match=f"KeyError: '{missing}'|The model in v1 is None"):
        bundle.load(made)


@pytest.mark.parametrize("version", ["", "v\0", "v" * 300, "v 1", "v1/", "../v1", "v1\n", "\ud800"])
def test_what_can_be_no_version_is_one_sentence(made: Path, version: str) -> None:
    with pytest.raises(ChurnError, match=r"There is no model '.*': a version is 1 to 64 letters") as caught:
        bundle.load(made, version)
    assert len(str(caught.value).encode()) < 300


@pytest.mark.parametrize("lost", ["cancel/part-0", "lapse/part-0", "cancel.onnx", "lapse.onnx"])
def test_a_bundle_that_lacks_a_model_verifies_and_cannot_score(made: Path, lost: str) -> None:
    bundle.load(made).require_models()
    (made / "v1" / lost).unlink()
    bundle.seal(made / "v1", CARD)
    held = bundle.load(made)
    with pytest.raises(ChurnError, match=f"The model v1 cannot score: it holds no {lost.removesuffix('/part-0')}"):
        held.require_models()


@pytest.mark.parametrize("program", [load_scorer, Explainer])
def test_no_program_scores_by_a_card_alone(made: Path, program: Callable[[bundle.Bundle], object]) -> None:
    calibration = {outcome: {"kind": "sigmoid", "slope": 1.0} for outcome in OUTCOMES}
    bundle.seal(made / "v1", CARD | {"calibration": calibration})
    with pytest.raises(ChurnError, match=r"is not as it should be \(KeyError: 'intercept'\)"):
        program(bundle.load(made))
    (made / "v1" / "lapse.onnx").unlink()
    bundle.seal(made / "v1", CARD)
    with pytest.raises(ChurnError, match=r"cannot score: it holds no lapse\.onnx"):
        program(bundle.load(made))


def test_a_folder_in_the_place_of_the_link_is_told_and_kept(made: Path) -> None:
    (made / "current").unlink()
    bundle.require_link(made)
    (made / "current").mkdir()
    with pytest.raises(ChurnError, match=r"current is not the link to a version .*\. Remove or rename"):
        bundle.use(made, "v1")
    assert sorted(path.name for path in made.iterdir()) == ["current", "v1"]


def test_a_link_that_could_not_be_moved_is_cleared_away(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PermissionError):
        bundle.use(made, "v1")
    assert sorted(path.name for path in made.iterdir()) == ["current", "v1"]


def test_a_bundle_is_on_the_disk_before_it_has_its_name_and_its_name_after_that(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made / "new"
    (folder / "cancel").mkdir(parents=True)
    (folder / "cancel" / "part-0").write_text("weights")
    bundle.seal(folder, CARD | {"version": "v2"})
    files = {path.resolve() for path in folder.rglob("*")}
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda held: synced.append(Path(f"/proc/self/fd/{held}").readlink()))
    bundle.place(folder, made, "v2")
    assert set(synced[:-1]) == {*files, folder.resolve()}
    assert synced[-1] == made.resolve(), "the name comes last"
    assert not folder.exists()
    assert bundle.load(made, "v2").version == "v2"
    bundle.use(made, "v2")
    assert synced[-1] == made.resolve()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_any_byte_is_noticed(made: Path, data: st.DataObject) -> None:
    path = made / "v1"
    # The manifest itself may hold more white space; every file it names must be what it was.
    name = data.draw(st.sampled_from(sorted(bundle.manifest(path))))
    held = (path / name).read_bytes()
    at, mask = data.draw(st.integers(0, len(held) - 1)), data.draw(st.integers(1, 255))
    (path / name).write_bytes(held[:at] + bytes([held[at] ^ mask]) + held[at + 1 :])
    try:
        with pytest.raises(ChurnError, match=f"{name} is changed|cannot be read"):
            bundle.load(made)
    finally:
        (path / name).write_bytes(held)
    assert bundle.load(made).version == "v1"


def test_a_bundle_of_another_feature_table_is_refused_by_the_features_name(made: Path) -> None:
    card = json.loads((made / "v1" / "card.json").read_text())
    card["features"]["hash"] = "another"
    next(row for row in card["features"]["table"] if row["name"] == "errors_3d")["half_life_days"] = 4
    bundle.seal(made / "v1", card)
    with pytest.raises(ChurnError, match="another feature table: errors_3d differs"):
        bundle.load(made)


def test_a_first_model_is_waited_for(made: Path) -> None:
    (made / "current").unlink()
    timer = threading.Timer(0.05, bundle.use, (made, "v1"))
    timer.start()
    assert bundle.wait(made, 10, threading.Event()).version == "v1"
    timer.join()
    shutil.rmtree(made / "v1")
    with pytest.raises(ChurnError, match="There is no model"):
        bundle.wait(made, 0, threading.Event())


def test_a_bundle_is_known_by_its_folder(made: Path) -> None:
    (made / "v1").rename(made / "kept")
    with pytest.raises(ChurnError, match="The model in kept is v1"):
        bundle.load(made, "kept")
    (made / "kept").rename(made / "v1")
    (made / "models").mkdir()
    with pytest.raises(ChurnError, match="There is no model"):
        bundle.load(made / "models", "..")


def test_a_bundle_of_another_layout_is_refused(made: Path) -> None:
    card = json.loads((made / "v1" / "card.json").read_text())
    bundle.seal(made / "v1", card | {"layout": 1})
    with pytest.raises(ChurnError, match="has layout 1; this release reads layout 2"):
        bundle.load(made)


@pytest.mark.spark
def test_a_trained_bundle_scores_as_its_weights_say(spark: SparkSession, models: Path) -> None:
    from pyspark.ml import PipelineModel  # noqa: PLC0415

    trained = bundle.load(models)
    values = np.random.default_rng(1).gamma(1.0, 3.0, (50, len(NAMES)))
    frame = spark.createDataFrame([(i, *map(float, row)) for i, row in enumerate(values)], ["row", *NAMES])
    inputs = np.column_stack(
        [np.log1p(column) if f.transform == "log1p" else column for f, column in zip(FEATURES, values.T, strict=True)]
    ).astype(np.float32)
    chances = {}
    for outcome in OUTCOMES:
        weights = PipelineModel.load(str(trained.pipeline(outcome))).stages[-1]
        margin = inputs.astype(np.float64) @ weights.coefficients.toArray() + weights.intercept
        held = trained.card["calibration"][outcome]
        chances[outcome] = 1 / (1 + np.exp(-(held["slope"] * margin + held["intercept"])))
    for row in load_scorer(trained)(frame).collect():
        p_cancel, q = chances["cancel"][row["row"]], chances["lapse"][row["row"]]
        assert math.isclose(row["p_cancel"], p_cancel, rel_tol=1e-9)
        assert math.isclose(row["p_lapse"], (1 - p_cancel) * q, rel_tol=1e-9)
        assert math.isclose(row["risk"], row["p_cancel"] + row["p_lapse"], rel_tol=1e-12)
        assert 0 <= row["risk"] <= 1
        assert row["model_version"] == trained.version


@pytest.mark.spark
def test_the_card_tells_how_it_was_made(models: Path) -> None:
    card = bundle.load(models).card
    assert set(card["metrics"]["test"]) == {*OUTCOMES, "risk"}
    assert card["metrics"]["test"]["cancel"]["n"] > card["metrics"]["test"]["cancel"]["positives"] > 0
    assert 0 < card["thresholds"]["medium"] < card["thresholds"]["high"] < 1
    assert {row["name"] for row in card["features"]["table"]} == set(NAMES)


@pytest.mark.spark
def test_a_log_that_is_too_short_is_refused(spark: SparkSession, tmp_path: Path, simulated_log: Path) -> None:
    from churn.parsing import read_log  # noqa: PLC0415
    from churn.settings import Settings  # noqa: PLC0415
    from training.job import train  # noqa: PLC0415

    log = read_log(spark.read.text(str(simulated_log)))
    first = log.agg({"ts": "min"}).collect()[0][0]
    with pytest.raises(ChurnError, match=r"spans .* days; training needs 38"):
        train(log.where(log["ts"] < first + 20 * 86_400_000), tmp_path, Settings(), lambda _: None)
    assert list(tmp_path.iterdir()) == []
