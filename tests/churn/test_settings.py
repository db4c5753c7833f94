from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from churn.errors import ChurnError
from churn.settings import PROJECT, Settings, load


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    monkeypatch.setenv("CHURN_CONFIG", str(tmp_path / "empty.toml"))


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def test_the_file_of_the_project_holds_exactly_the_defaults() -> None:
    file = tomllib.loads((PROJECT / "conf" / "churn.toml").read_text())
    assert file == without_none(load().model_dump(mode="json"))


def test_a_variable_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[kafka]\nbootstrap = "file:1"\npartitions = 7\n')
    monkeypatch.setenv("CHURN_CONFIG", str(file))
    monkeypatch.setenv("CHURN_KAFKA__BOOTSTRAP", "variable:1")
    assert (load().kafka.bootstrap, load().kafka.partitions) == ("variable:1", 7)
    assert load(var=tmp_path).var == tmp_path


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CHURN_API__PORT", "http", "api.port is not right"),
        ("CHURN_API__PROT", "80", "api.prot is not right"),
        ("CHURN_KAFAK__BOOTSTRAP", "x:1", "CHURN_KAFAK__BOOTSTRAP names no setting"),
        ("CHURN_STREAM__MODE", "batch", "stream.mode is not right"),
        ("CHURN_CONFIG", "/nowhere.toml", "which is not a file"),
    ],
)
def test_a_slip_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ChurnError, match=words):
        load()


def test_settings_are_frozen() -> None:
    kafka: BaseModel = load().kafka
    with pytest.raises(ValidationError):
        kafka.bootstrap = "x"  # type: ignore[attr-defined]
    assert isinstance(load(), Settings)
