from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from api import explainers
from api.explainers import Explainers
from churn.errors import ChurnError
from tests.api.conftest import Wall
from tests.api.small_model import write_bundle


def test_a_bundle_that_comes_later_is_found_after_ten_seconds(tmp_path: Path) -> None:
    wall, models = Wall(), tmp_path / "models"
    models.mkdir()
    held = Explainers(models, wall)
    assert held.of("m1") is None
    write_bundle(models, "m1")
    wall.now_ms += 9_999
    assert held.of("m1") is None
    wall.now_ms += 1
    found = held.of("m1")
    assert found is not None
    shutil.rmtree(models / "m1")
    wall.now_ms += 60_000
    assert held.of("m1") is found


def test_those_that_are_asked_for_stay_and_missing_ones_take_nobodys_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def load(models: Path, version: str) -> str:
        loads.append(version)
        if version.startswith("gone"):
            raise ChurnError("It is not there.", "Wait.")
        return version

    monkeypatch.setattr(explainers.bundle, "load", load)
    monkeypatch.setattr(explainers, "Explainer", lambda found: found)
    held = Explainers(tmp_path, Wall())
    for number in range(20):
        assert held.of("current") == "current"
        assert held.of(f"old{number}") == f"old{number}"
        assert held.of(f"gone{number}") is None
    assert held.of("gone3") is None
    assert loads.count("current") == 1
    assert loads.count("gone3") == 1


def test_one_that_is_missing_is_looked_for_once_in_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def load(models: Path, version: str) -> None:
        tried.append(version)
        raise ChurnError("It is not there.", "Wait.")

    monkeypatch.setattr(explainers.bundle, "load", load)
    wall = Wall()
    held = Explainers(tmp_path, wall)
    for _ in range(30):
        assert held.of("m1") is None
        wall.now_ms += 1000
    assert len(tried) == 3
